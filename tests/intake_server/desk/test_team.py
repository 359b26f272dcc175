"""The team through the desk: joining cut off, removal on every desk, re-wrapping that resumes."""

import contextlib
from io import StringIO

import pytest

from intake_server.desk.__main__ import serving
from intake_server.desk.events import LOOK
from intake_server.desk.members import FRESH_SECONDS
from intake_server.logs import open_log
from tests.flows.colleagues import Colleague
from tests.flows.people import Refused, to_text
from tests.intake_server.desk.place import streaming
from tests.intake_server.keeper.world import Member
from vault import staff, wraps
from vault.roster import Role

SIGNED_OUT = (401, {"error": "signed_out"})


@pytest.fixture
async def ana(empty):
    """The first person, as somebody who changes the team."""
    await empty.new_link()
    first = Colleague(empty, empty.http)
    await first.set_up()
    empty.hotline.first = Member("Ana", staff_id=first.staff_id, seed=first.seed)
    empty.hotline.team_seeds = [first.team_seed]
    first.own = wraps.staff_keys(first.seed)
    return await empty.let_in(first)


@pytest.fixture
def place(empty, ana):
    empty.ana = ana
    return empty


async def newcomer(place, name="Jo", roles=Role.COUNSELLOR):
    """Somebody let in, with a session but without waiting for a code."""
    jo = Colleague(place, place.http, name=name, shown=name)
    await place.ana.let_in(await jo.join(await place.ana.invite(roles)))
    jo.team_seed = place.ana.team_seed
    return await place.let_in(jo)


async def code_of(awaitable):
    with pytest.raises(Refused) as refused:
        await awaitable
    return refused.value.code


async def test_a_join_that_was_cut_off_before_the_row_is_sent_again(place, ana):
    jo = Colleague(place, place.http, name="Jo", shown="Jo")
    link = await ana.invite()
    await jo.join(link)
    await place.write(lambda c: staff.remove(c, [jo.staff_id]))  # as if the desk had died
    words = await jo.join(link)
    await ana.let_in(words)
    await jo.sign_in()
    assert await jo.queue() == []


async def test_names_that_are_taken_or_others_are_told_apart(place, ana):
    jo = await newcomer(place)
    other = Colleague(place, place.http, name=" JO ", shown="Other")
    assert await code_of(other.join(await ana.invite())) == "name_taken"
    again = Colleague(place, place.http, name="Joanna", shown="Jo")
    assert await code_of(again.join(await ana.invite(again=jo.staff_id))) == "other_name"


async def test_who_waits_keeps_nobody_from_signing_in(place, ana):
    """A link for new keys is out, and somebody has used it: the old ones still open."""
    jo = Colleague(place, place.http, name="Jo", shown="Jo")
    await ana.let_in(await jo.join(await ana.invite()))
    other = Colleague(place, place.http, name="Jo", shown="Jo", password="not the same at all")
    await other.join(await ana.invite(again=jo.staff_id))
    await jo.sign_in()
    assert len((await place.read(lambda c: staff.by_id(c, jo.staff_id))).outer) > 200


async def test_a_removal_counts_on_every_desk_within_five_seconds(place, ana):
    assert FRESH_SECONDS + LOOK < 5  # an old look, and the wait of a stream before the next
    jo = await newcomer(place)
    log = open_log("desk", level="debug", clock=place.clock, stream=StringIO())
    async with contextlib.AsyncExitStack() as stack:
        second = await stack.enter_async_context(serving(place.settings, place.clock, log))
        token = to_text(second.sessions.begin(jo.staff_id))
        first_desk, place.desk = place.desk, f"http://127.0.0.1:{second.port}"
        jo.session, here = token, jo.session
        async with streaming(place, jo) as stream:
            assert await stream.line() == {"beat": True}
            place.desk = first_desk
            await ana.remove(jo.staff_id)
            assert await place.ask("/api/queue", {}, here) == SIGNED_OUT
            assert await stream.rest() == []
        place.desk = f"http://127.0.0.1:{second.port}"
        assert await place.ask("/api/queue", {}, token) == SIGNED_OUT
        place.desk = first_desk
    assert await place.read(staff.all) == [await place.read(lambda c: staff.by_id(c, ana.staff_id))]


async def test_a_stream_tells_that_the_team_has_changed(place, ana):
    async with streaming(place, ana) as stream:
        assert await stream.line() == {"beat": True}
        jo = await newcomer(place)
        assert await stream.line() == {"team": 2}
        await ana.remove(jo.staff_id)
        assert await stream.line() == {"team": 3}


async def test_what_a_removed_person_held_is_free(place, ana):
    client = await place.client()
    jo = await newcomer(place)
    await jo.claim(client.conversation)
    await ana.remove(jo.staff_id)
    row = await place.row(client.conversation)
    assert (row.holder, row.state.value) == (None, "waiting")


async def test_rewrapping_goes_on_after_a_desk_was_killed(place, ana):
    clients = [await place.client(f"text {number}") for number in range(4)]
    jo = await newcomer(place)
    await ana.remove(jo.staff_id)
    await ana.make_epoch()
    rows, left = await ana.behind()
    assert left == 4
    await ana.rewrap(rows[0])
    kept = await place.row(clients[1].conversation)
    await place.stop()
    place._serving = contextlib.AsyncExitStack()
    await place.start()
    await place.let_in(ana)
    rows, left = await ana.behind()
    assert left == len(rows) == 3
    for row in rows:
        await ana.rewrap(row)
        assert await code_of(ana.rewrap(row)) == "refused"  # another browser was quicker
    assert await ana.behind() == ([], 0)
    opened = await ana.open(kept.id)
    assert opened.read()


async def test_wrapping_for_the_same_key_changes_nothing(place, ana):
    client = await place.client()
    assert await ana.behind() == ([], 0)
    await ana.rewrap(await ana.row(client.conversation))
    assert (await ana.open(client.conversation)).read()


async def test_a_conversation_is_handed_over_with_its_note(place, ana):
    client = await place.client()
    jo = await newcomer(place)
    await ana.look()
    await ana.claim(client.conversation)
    opened = await ana.open(client.conversation)
    body = ana.handover_body(opened, jo.staff_id, "ask about the children first")
    await ana.ask("/api/handover", body)
    await ana.ask("/api/handover", body)  # the same again changes nothing
    assert (await place.row(client.conversation)).holder == jo.staff_id
    assert await code_of(opened.reply("too late")) == "claim_lost"
    rows = (await jo.open(client.conversation)).answer["messages"]
    assert [row["envelope"] for row in rows if row["direction"] == 6] == [body["envelope"]]
    assert await code_of(ana.ask("/api/handover", body | {"message": body["to"]})) == "claim_lost"
    assert [row["direction"] for row in rows].count(6) == 1


@pytest.mark.parametrize("roles", [Role.SUPERVISOR, Role.AUDITOR])
async def test_only_a_counsellor_takes_over(place, ana, roles):
    client = await place.client()
    bo = await newcomer(place, "Bo", roles)
    await ana.claim(client.conversation)
    opened = await ana.open(client.conversation)
    body = ana.handover_body(opened, bo.staff_id, "for you")
    assert await code_of(ana.ask("/api/handover", body)) == "malformed"
    assert (await place.row(client.conversation)).holder == ana.staff_id
