"""A team: invited, let in, removed, given new keys; and a server that lies. Real sockets."""

import json
from dataclasses import replace

import pytest

from tests.flows.colleagues import Colleague
from tests.flows.people import Client, LoopbackPerson, Refused, to_bytes, to_text
from tests.flows.stack import a_stack, http, until
from vault import roster, wraps
from vault.roster import EntryType, Role
from vault.sealing import CannotOpen

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
async def net():
    async with http() as session:
        yield session


@pytest.fixture
async def stack():
    async with a_stack() as running:
        yield running


@pytest.fixture
async def ana(stack, net):
    """The first person: counsellor, supervisor and admin."""
    first = Colleague(stack, net)
    await first.set_up()
    await first.sign_in()
    return first


async def newcomer(ana, name="Jo", roles=Role.COUNSELLOR):
    """Somebody who followed a link and was let in, signed in."""
    jo = Colleague(ana.stack, ana.http, name=f"{name} Meyer", shown=name)
    await ana.let_in(await jo.join(await ana.invite(roles)))
    await jo.sign_in()
    return jo


async def test_a_second_counsellor_a_removal_and_new_keys(stack, net, ana):
    """The whole story in one installation, for each costs its start."""
    before = Client(stack, net)
    await before.write_first("written before Jo came", name="Mira")
    kim = LoopbackPerson(stack, "kim-1")
    await kim.say("from a messenger", "1")
    jo = await joining_lets_nobody_in(ana)
    after = await she_opens_what_was_written_before_and_after(ana, jo, before)
    kept = jo.team_seed
    await removed_she_is_refused_at_once(ana, jo)
    assert (await ana.row(after.conversation))["holder"] is None
    await everything_is_wrapped_for_a_new_epoch(ana, before)
    texts = [m.text for m in (await ana.open(before.conversation)).read()]
    assert texts == ["written before Jo came", "With the new keys."]
    await what_she_kept_opens_and_says_nothing_new(ana, kept, kim)


async def joining_lets_nobody_in(ana):
    jo = Colleague(ana.stack, ana.http, name="Jo Meyer", shown="Jo")
    link = await ana.invite()
    words = await jo.join(link)
    with pytest.raises(Refused) as refused:
        await jo.sign_in()
    assert refused.value.code == "refused"
    jo.used_step -= 1  # nobody was found, so no code was used up
    eve = Colleague(ana.stack, ana.http, name="Eve", shown="Eve")
    with pytest.raises(Refused):
        await eve.join(link)
    with pytest.raises(ValueError, match="unpack"):
        await ana.let_in(words[1:] + words[:1])  # other words than those on the screen
    await ana.let_in(words)
    await jo.sign_in()
    names = (await ana.ask("/api/queue", {}))["staff"]
    assert names[to_text(jo.staff_id)] == "Jo"
    return jo


async def she_opens_what_was_written_before_and_after(ana, jo, before):
    opened = await jo.open(before.conversation)
    assert [m.text for m in opened.read()] == ["written before Jo came"]
    after = Client(ana.stack, ana.http)
    await after.write_first("written after Jo came")
    await jo.claim(after.conversation)
    await (await jo.open(after.conversation)).reply("Jo answers you.")
    seen = await Client(ana.stack, ana.http, phrase=after.phrase).come_back()
    assert [(m.text, m.verified) for m in seen][-1] == ("Jo answers you.", True)
    return after


async def removed_she_is_refused_at_once(ana, jo):
    await ana.remove(jo.staff_id)
    with pytest.raises(Refused) as refused:
        await jo.queue()
    assert refused.value.code == "signed_out"
    jo.session = ""
    jo.used_step = 0
    with pytest.raises(Refused):
        await jo.sign_in()


async def everything_is_wrapped_for_a_new_epoch(ana, client):
    """One conversation first, then whatever is left: it may stop between any two."""
    assert ana.chain.is_epoch_due
    await client.come_back()  # the web process has just asked for the keys
    await ana.make_epoch()
    rows, left = await ana.behind()
    assert (len(rows), left) == (3, 3)
    rows.sort(key=lambda row: to_bytes(row["conversation"]) != client.conversation)
    await ana.rewrap(rows[0])
    await ana.claim(client.conversation)
    await (await ana.open(client.conversation)).reply("With the new keys.")
    assert [(m.text, m.verified) for m in await client.come_back()][-1] == (
        "With the new keys.",
        True,
    )
    rows, left = await ana.behind()
    assert (len(rows), left) == (2, 2)
    for row in rows:
        await ana.rewrap(row)
    assert await ana.behind() == ([], 0)
    assert {row["epoch"] for row in await ana.queue()} == {2}


async def what_she_kept_opens_and_says_nothing_new(ana, kept, kim):
    later = Client(ana.stack, ana.http)
    await later.write_first("written after Jo was removed")
    row = await ana.row(later.conversation)
    old = wraps.team_keys(kept)
    with pytest.raises(CannotOpen):
        wraps.open_team_wrap(old.box, await inner_wrap(ana, row), later.conversation, row["epoch"])
    messenger = next(row for row in await ana.queue() if row["channel"] == "loopback")
    conversation = to_bytes(messenger["conversation"])
    await ana.claim(conversation)
    opened = await ana.open(conversation)
    await ana.ask("/api/reply", await opened.reply_body("forged", signer=old.sign))
    await ana.ask("/api/reply", await (await ana.open(conversation)).reply_body("genuine"))
    await until(lambda: heard(kim, "genuine"), "the genuine answer arrives")
    assert "forged" not in await kim.hear(wait=0.2)


async def heard(person, text):
    return text in await person.hear(wait=0.5)


async def inner_wrap(member, row):
    """The inner team wrap as the keeper gives it to a counsellor."""
    reference = to_bytes(row["reference"])
    fields, read = await member.prove(0x45, reference, member.staff_id, row["epoch"].to_bytes(4))
    body = {"conversation": row["conversation"], "epoch": row["epoch"]}
    answer = await member.ask("/api/rewrap/open", fields | body)
    return read(answer["answer"], 9)[0]


async def test_a_lost_password_an_admin_without_conversations_and_a_lying_server(stack, net, ana):
    jo = await newcomer(ana)
    mira = Client(stack, net)
    await mira.write_first("a text")

    # Jo lost phone and password: new keys under the same id, and no old way in.
    again = Colleague(stack, net, name="Jo Meyer", shown="Jo", password="another long password")
    words = await again.join(await ana.invite(again=jo.staff_id))
    assert (await jo.ask("/api/queue", {}))["rows"]  # until the new keys are let in
    await ana.let_in(words)
    with pytest.raises(Refused) as refused:
        await jo.queue()
    assert refused.value.code == "signed_out"
    await again.sign_in()
    assert again.chain.people[jo.staff_id].sign_key == again.own.sign.public
    assert again.chain.is_epoch_due
    await again.make_epoch()
    await ana.look()
    assert [m.text for m in (await again.open(mira.conversation)).read()] == ["a text"]
    assert [m.text for m in (await ana.open(mira.conversation)).read()] == ["a text"]

    # An admin who does not counsel sees numbers and people, no conversation.
    bo = Colleague(stack, net, name="Bo", shown="Bo")
    link = await ana.invite(Role.ADMIN)
    await ana.let_in(await bo.join(link))
    await bo.sign_in_without_a_grant()
    assert (await bo.ask("/api/counts", {}))["open"] == 1
    for path in ("/api/queue", "/api/open", "/api/rewrap/behind", "/api/team/grants"):
        with pytest.raises(Refused) as refused:
            await bo.ask(path, {})
        assert refused.value.code == "forbidden"
    told = json.loads(stack.cli("staff", "list", "--json"))
    assert [(each["name"], each["roles"]) for each in told["people"]][-1] == ("Bo", ["admin"])
    assert (told["epoch"], told["epoch_due"], told["removed"]) == (2, False, 0)
    with pytest.raises(Refused):
        await bo.grant(bo.chain.people[bo.staff_id], bo.chain.epoch.number, bo.seed)

    await nobody_adds_a_key_swaps_one_or_drops_the_tail(ana, again)
    await the_sheets_let_somebody_in_when_nobody_else_can(ana, again, mira)


async def the_sheets_let_somebody_in_when_nobody_else_can(ana, jo, mira):
    paper = Colleague(ana.stack, ana.http, shown="Recovery")
    person = replace(paper.person(Role.COUNSELLOR | Role.ADMIN), name=roster.RECOVERY_NAME)
    await ana.append(EntryType.PERSON, roster.person_payload(person))
    await ana.grant(person, ana.chain.epoch.number, ana.team_seed)
    with pytest.raises(Refused):
        await jo.recover()  # nobody else gets around password and second factor
    await paper.recover()
    lena = Colleague(ana.stack, ana.http, name="Lena", shown="Lena")
    link = await paper.invite(Role.COUNSELLOR | Role.ADMIN)
    await paper.let_in(await lena.join(link))
    await lena.sign_in()
    assert [m.text for m in (await lena.open(mira.conversation)).read()] == ["a text"]
    await until(lambda: "recovery_used" in str(ana.stack.status()), "the operator is told")
    await lena.remove(paper.staff_id)
    with pytest.raises(Refused):
        await paper.recover()


async def nobody_adds_a_key_swaps_one_or_drops_the_tail(ana, jo):
    """Neither with a session nor in the chain that the desk hands out."""
    await ana.look()
    chain = ana.chain
    eve = Colleague(ana.stack, ana.http, name="Eve", shown="Eve")
    added = roster.person_payload(eve.person(Role.COUNSELLOR))
    with pytest.raises(ValueError, match="not an admin"):
        roster.sign_entry(chain, EntryType.PERSON, added, jo.staff_id, jo.own.sign, 1)
    stranger = wraps.staff_keys(eve.seed).sign
    forged = unverified_entry(chain, added, ana.staff_id, stranger)
    with pytest.raises(Refused):
        await ana.append_entry(forged)
    with pytest.raises(Refused):
        await jo.append_entry(forged)
    given = await jo.ask("/api/roster", {"after": 0})
    entries = [to_bytes(entry) for entry in given["entries"]]
    pinned = chain.fingerprint
    assert roster.verify_chain(entries, fingerprint=pinned).head == chain.head
    for lie in (
        [*entries, forged],
        [entries[0], forged, *entries[2:]],
        [entries[0], *entries[2:]],
        [entries[0], entries[1][:-1] + bytes([entries[1][-1] ^ 1]), *entries[2:]],
    ):
        with pytest.raises(roster.RosterError):
            roster.verify_chain(lie, fingerprint=pinned)
    shorter = roster.verify_chain(entries[:-1], fingerprint=pinned)
    assert not shorter.lies_on_chain(chain.head)


def unverified_entry(chain, payload, signer_id, keys):
    """An entry that nobody checks before it is sent."""
    return roster._signed(
        chain.number + 1, chain.head, 1, EntryType.PERSON, signer_id, payload, keys
    )
