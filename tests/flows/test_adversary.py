"""An attacker with all that the web process holds, and with every row of the database.

Each test is a line of docs/threat-model.md. Which peer may use which verb at all is tried in
tests/intake_server/keeper; here the verbs that are allowed are tried with everything there is.
"""

import contextlib
import time
from dataclasses import replace

import pytest
import pytest_asyncio

from tests.flows.adversary_town import (
    ANSWER,
    HER_WORDS,
    KIMS,
    PLEA,
    UNREAD,
    a_town,
    forged,
    made_up_signer,
)
from tests.flows.people import (
    ERASE,
    OPEN_CLIENT_WRAP,
    Client,
    LoopbackPerson,
    Refused,
    open_answer,
    post,
    to_bytes,
    to_text,
)
from tests.flows.stack import until
from vault import envelope, sealing, wraps
from vault.envelope import Direction, Origin
from vault.keeper_protocol import Peer, Verb, u32
from vault.sealing import CannotOpen, Kind, Secret

pytestmark = [
    pytest.mark.proof,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="module"),
]

A_YEAR = 365 * 24  # hours
LIE = "come to the harbour at nine, it is safe"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town():
    async with a_town() as town:
        yield town


@pytest.fixture
def web(town):
    return town.hands[Peer.WEB]


async def keys_of(hands, conversation):
    """What everybody may ask of the keeper: id, cpk, npk, verify key, channel, due, latest."""
    return await hands.ask(Verb.SLOT_KEYS, hands.rows.reference(conversation).packed)


# --- opening --------------------------------------------------------------------------------


async def test_web_opens_nothing_with_all_that_it_may_ask(town, web):
    truth = town.truth()
    assert {Kind.TEAM_WRAP, Kind.CLIENT_WRAP, Kind.ADDRESS, Kind.STAFF_WRAP} <= set(truth.inner)
    learned = await web.try_everything(but={Verb.CREATE})
    assert learned.tried > 300
    # How many counsellors, when the mirror was made, and the hash of what everybody may read.
    counts = {Verb.STANDING, Verb.DETAILS}
    assert learned.verbs == counts | {Verb.HELLO, Verb.NONCE, Verb.ROSTER, Verb.SLOT_KEYS}
    assert truth.held_by(learned.all()) == set()
    await town.still_stands()


async def test_web_opens_no_messenger_conversation(town, web):
    owner, cpk, _, verify_key, channel, *_ = await keys_of(web, town.kims)
    assert (owner, verify_key, channel) == (town.kims, b"", b"\xff")
    blob = town.rows.one("select outer_team from conversations where id = ?", town.kims)
    for tag in (bytes(16), town.kims, town.rows.reference(town.kims).tag):
        for key in (None, made_up_signer(), sealing.SignKeys(Secret(bytes(32)), bytes(32))):
            assert await web.ask(Verb.FIND, tag) is None
            for verb, rest in ((Verb.OPEN_CLIENT_WRAP, [blob]), (Verb.ERASE, [])):
                proof = await web.prove(verb, [tag, *rest], key)
                assert await web.ask(verb, tag, *rest, *proof) is None
    assert cpk
    for _, sealed in town.rows.envelopes(town.kims):
        with pytest.raises(CannotOpen):
            sealing.open_sealed(Kind.MESSAGE, sealing.new_box_keys(), sealed, padded=True)
    assert next(m.text for m in (await town.ana.open(town.kims)).read()) == KIMS


async def test_one_clients_signature_opens_no_other_conversation(town, web):
    """Bulk opening: the lookup tags that went by, one signature, every stored wrap."""
    wraps_there = town.rows.column(
        "select outer_client from conversations where outer_client is not null"
    )
    assert len(wraps_there) >= 2
    opened = 0
    for tag in (town.mira.own.lookup_tag, town.noor.own.lookup_tag):
        for blob in wraps_there:
            proof = await web.prove(Verb.OPEN_CLIENT_WRAP, [tag, blob], town.mira.own.sign)
            opened += await web.ask(Verb.OPEN_CLIENT_WRAP, tag, blob, *proof) is not None
    assert opened == 1


async def test_a_recorded_opening_is_worth_nothing_a_second_time(town):
    again = town.back(town.mira)
    fields, read = await again.prove(OPEN_CLIENT_WRAP, again.own.lookup_tag)
    first = await post(town.net, f"{town.stack.web}/api/open", fields)
    assert len(read(first["answer"], 6)) == 5
    second = await post(town.net, f"{town.stack.web}/api/open", fields)
    with pytest.raises(CannotOpen):
        read(second["answer"], 6)
    assert second["messages"] == []


async def test_a_signature_for_opening_does_not_erase(town, web):
    client = await town.writes("a signature is for one thing")
    tag = client.own.lookup_tag
    blob = town.rows.one("select outer_client from conversations where id = ?", client.conversation)
    for signed_for, used_for in ((OPEN_CLIENT_WRAP, Verb.ERASE), (ERASE, Verb.OPEN_CLIENT_WRAP)):
        nonce = await web.nonce()
        signature = wraps.sign_proof(client.own.sign, nonce, signed_for, (tag,), web.reply.public)
        rest = [blob] if used_for is Verb.OPEN_CLIENT_WRAP else []
        assert await web.ask(used_for, tag, *rest, nonce, web.reply.public, signature) is None
    assert [m.text for m in await town.back(client).come_back()] == ["a signature is for one thing"]


# --- erasing and dates ----------------------------------------------------------------------


async def test_web_erases_nothing_without_the_clients_signature(town, web):
    for client, signer in ((town.mira, town.noor.own.sign), (town.noor, made_up_signer())):
        for verb, rest in ((Verb.ERASE, []), (Verb.CHANGE_DUE, [bytes(8)])):
            proof = await web.prove(verb, [client.own.lookup_tag, *rest], signer)
            assert await web.ask(verb, client.own.lookup_tag, *rest, *proof) is None
    await town.still_stands()


async def test_a_recorded_erasure_does_not_erase_what_was_written_later(town):
    """Nonces are good once: the same proof does not reach a conversation of the same phrase."""
    client = await town.writes("erased once")
    fields, read = await client.prove(ERASE, client.own.lookup_tag)
    answer = await post(town.net, f"{town.stack.web}/api/erase", fields)
    assert read(answer["answer"], 3)[0] == b"erased"
    later = Client(town.stack, town.net, phrase=client.phrase)
    await later.write_first("written later under the same phrase")
    with pytest.raises(Refused):
        await post(town.net, f"{town.stack.web}/api/erase", fields)
    assert len(await town.back(later).come_back()) == 1


async def test_a_changed_due_in_the_row_delays_nothing(town, web):
    """The keeper forgets by its own date, and client and team are told that one."""
    client = await town.writes("gone in two hours, as I wish")
    due = await client.change_due(int(time.time()) + 2 * 3600)
    town.rows.ask(
        "update conversations set due_hour = due_hour + ?, latest_hour = latest_hour + ?"
        " where id = ?",
        *(A_YEAR, A_YEAR, client.conversation),
    )
    assert int.from_bytes((await keys_of(web, client.conversation))[-2], "big") == due
    again = town.back(client)
    await again.come_back()
    assert again.due == due
    opened = await town.claimed(client.conversation)
    await opened.reply("we read it")
    again = town.back(client)
    await again.come_back()
    assert again.due < due + 60 * 86_400  # a reply puts it off, by what was promised


async def test_a_recorded_first_request_brings_nothing_back(town, web):
    """What web once handed on, handed on again after it was forgotten."""
    client = Client(town.stack, town.net)
    body = await client.first_body("to be forgotten for good")
    await post(town.net, f"{town.stack.web}/api/first", body)
    await client.erase()
    assert await web.ask(Verb.CREATE, to_bytes(body["create"])) is None
    with pytest.raises(Refused):
        await post(town.net, f"{town.stack.web}/api/first", body)
    with pytest.raises(CannotOpen):
        await town.back(client).come_back()


# --- forging --------------------------------------------------------------------------------


async def test_web_forges_no_answer_that_a_returning_client_believes(town, web):
    client = await town.writes("do you answer me")
    opened = await town.claimed(client.conversation)
    await opened.reply("this is truly from us")
    _, cpk, *_ = await keys_of(web, client.conversation)
    for signer in (made_up_signer(), client.own.sign):
        town.rows.put(
            client.conversation, *forged(client.conversation, cpk, LIE, signer, Origin.TEAM)
        )
    read = await town.back(client).come_back()
    assert [(m.text, m.verified) for m in read if m.direction == Direction.TEAM_TO_CLIENT] == [
        ("this is truly from us", True),
        (LIE, False),
        (LIE, False),
    ]
    shown = await town.seen(opened)
    for page in ("client", "desk"):
        lies = [line for line in getattr(shown, page) if line["text"] == LIE]
        assert len(lies) == 2
        assert not any(line["verified"] for line in lies)
        assert shown.line(page, "this is truly from us")["verified"]


async def test_web_forges_no_client_to_the_desk(town, web):
    opened = await town.claimed(town.mira.conversation)
    _, cpk, *_ = await keys_of(web, town.mira.conversation)
    message = forged(town.mira.conversation, cpk, LIE, made_up_signer(), Origin.CLIENT)
    town.rows.put(town.mira.conversation, *message)
    try:
        shown = await town.seen(opened)
    finally:
        town.rows.ask("delete from messages where id = ?", message[0])
    assert not shown.line("desk", LIE)["verified"]
    assert shown.line("desk", PLEA)["verified"]


async def test_web_puts_wraps_of_its_own_around_no_conversation(town, web):
    """*Create* repeated makes outer layers anew, around whatever it is given: nobody opens them."""
    client = town.noor
    owner, cpk, npk, verify_key, *_ = await keys_of(web, client.conversation)
    start_key = (await web.ask(Verb.HELLO))[0]
    keys, chain = wraps.new_conversation_keys(), client.chain
    team = wraps.seal_team_wrap(chain.epoch.box_key, wraps.TeamWrap(owner, 1, keys, verify_key))
    own = wraps.seal_client_wrap(
        sealing.new_box_keys().public,
        wraps.ClientWrap(owner, keys.messages, chain.fingerprint, chain.head),
    )
    body = sealing.pack(
        *(owner, client.own.lookup_tag, verify_key, cpk, npk, u32(1)),
        *(bytes((0, 24)), bytes((0, 48)), bytes((0, 24)), team, own),
    )
    request = sealing.seal(Kind.KEEPER_REQUEST, start_key, body)
    _, _, outer_team, outer_client, *_ = await web.ask(Verb.CREATE, request)
    before = town.rows.ask(
        "select outer_team, outer_client from conversations where id = ?", owner
    )[0]
    sql = "update conversations set outer_team = ?, outer_client = ? where id = ?"
    town.rows.ask(sql, outer_team, outer_client, owner)
    try:
        with pytest.raises(AssertionError):  # the keeper's cpk is not that of these keys
            await town.ana.open(owner)
        with pytest.raises(CannotOpen):
            await town.back(client).come_back()
    finally:
        town.rows.ask(sql, *before, owner)
    await town.still_stands()


async def test_web_takes_over_no_phrase_and_no_conversation(town, web):
    """A living lookup tag or id belongs to what the first request made of it."""
    start_key = (await web.ask(Verb.HELLO))[0]
    for tag, owner in (
        (town.noor.own.lookup_tag, sealing.random_bytes(16)),
        (sealing.random_bytes(16), town.noor.conversation),
        (sealing.random_bytes(16), town.kims),
    ):
        thief = Client(town.stack, town.net, conversation=owner)
        await thief.load()
        thief.own = replace(thief.own, lookup_tag=tag)
        given = {"start_key": to_text(start_key), "promise": (await thief.load())["promise"]}
        assert await web.ask(Verb.CREATE, thief.create(given)) is None
    await town.still_stands()


# --- the outbox -----------------------------------------------------------------------------


async def settled(town, message):
    """State and reason of a reply once the courier has looked at it."""
    sql = "select state, reason from outbox where message = ? and state <> 'waiting'"
    return (await until(lambda: town.rows.ask(sql, message), "the courier has looked"))[0]


async def test_nobody_but_the_team_puts_a_reply_into_the_outbox(town):
    """Signed by nobody known, sealed to the courier as it should be, with and without a layer."""
    reference, courier_box = town.rows.reference(town.kims), town.ana.chain.founding.courier_box_key
    for under in (None, Secret(sealing.random_bytes(32))):
        message = sealing.random_bytes(16)
        item = wraps.OutboxItem(town.kims, message, 1, "loopback", LIE)
        inner = wraps.seal_outbox_item(courier_box, item, made_up_signer())
        reader = sealing.reader_of("outbox", message)
        outer = inner
        if under is not None:
            outer = sealing.outer_seal(under, Kind.OUTBOX, town.kims, reader, inner)
        town.rows.put_out(message, town.kims, reference, outer)
        assert await settled(town, message) == ("failed", "not_verified")
    assert LIE not in await town.kim.hear(wait=0.3)


async def test_a_reply_is_redirected_to_nobody_and_sent_once(town):
    """Lee's reply, with the rows changed so that it would reach Kim; then as it was, twice."""
    lee, words = LoopbackPerson(town.stack, "lee-2202"), "these words are for Lee alone"
    known = set(town.rows.column("select id from conversations where channel = 'loopback'"))
    await lee.say("I am Lee and I need help", "lee-1")
    lees = await town.arrived_over_a_messenger(known)
    async with town.without("courier"):
        await (await town.claimed(lees)).reply(words)
        ((message, outer),) = town.rows.waiting(lees)
        town.rows.ask("delete from outbox where message = ?", message)
    mine, theirs = town.rows.reference(lees), town.rows.reference(town.kims)
    for conversation, reference in ((town.kims, theirs), (town.kims, mine), (lees, theirs)):
        town.rows.put_out(message, conversation, reference, outer)
        assert (await settled(town, message))[0] == "failed"
        town.rows.ask("delete from outbox where message = ?", message)

    address = "select slot, tag, outer_address from addresses where conversation = ?"
    change = "update addresses set slot = ?, tag = ?, outer_address = ? where conversation = ?"
    ((kims,), (lees_own,)) = (town.rows.ask(address, each) for each in (town.kims, lees))
    town.rows.ask(change, *kims, lees)
    town.rows.put_out(message, lees, mine, outer)
    assert await settled(town, message) == ("failed", "no_address")
    town.rows.ask(change, *lees_own, lees)
    assert words not in await town.kim.hear(wait=0.3) + await lee.hear(wait=0.3)

    sent_file = town.stack.data / "courier" / "sent.bin"
    for _ in range(2):
        town.rows.ask("delete from outbox where message = ?", message)
        town.rows.put_out(message, lees, mine, outer)
        assert (await settled(town, message))[0] == "sent"
        assert sent_file.read_bytes().count(message) == 2  # sending, sent; nothing the second time
    assert (await lee.hear(wait=0.3)).count(words) == 1


async def test_a_changed_row_has_no_messenger_conversation_forgotten(town):
    """Its reference is spoilt, the client writes again, the reference is put right."""
    nia = LoopbackPerson(town.stack, "nia-3303")
    known = set(town.rows.column("select id from conversations where channel = 'loopback'"))
    await nia.say("what Nia wrote first", "nia-1")
    nias = await town.arrived_over_a_messenger(known)
    await (await town.claimed(nias)).reply("and what she was told")
    true = town.rows.reference(nias)
    spoil = "update conversations set tag = ? where id = ?"
    town.rows.ask(spoil, sealing.random_bytes(16), nias)
    await nia.say("what Nia wrote next", "nia-2")
    town.rows.ask(spoil, true.tag, nias)
    with contextlib.suppress(Refused):
        read = [message.text for message in (await town.ana.open(nias)).read()]
        assert read[:2] == ["what Nia wrote first", "and what she was told"]
        return
    pytest.fail("nothing opens any more, from no backup either")


# --- moving rows about ----------------------------------------------------------------------


async def test_wraps_swapped_between_rows_open_nothing(town):
    pair = (town.mira.conversation, town.noor.conversation)
    for column in ("outer_client", "outer_team"):
        town.rows.swap(column, *pair)
        try:
            if column == "outer_client":
                for client in (town.mira, town.noor):
                    with pytest.raises(CannotOpen):
                        await town.back(client).come_back()
            else:
                for conversation in pair:
                    with pytest.raises(Refused):
                        await town.ana.open(conversation)
        finally:
            town.rows.swap(column, *pair)
    await town.still_stands()


async def test_an_envelope_moved_to_another_conversation_is_refused_by_its_readers(town):
    opened = await town.claimed(town.mira.conversation)
    for source in (town.noor.conversation, town.kims):
        _, sealed = town.rows.envelopes(source)[0]
        with pytest.raises(CannotOpen):
            envelope.open_envelope(
                sealed, Kind.MESSAGE, opened.wrap.keys.messages, opened.conversation, set(Direction)
            )
        message = sealing.random_bytes(16)
        town.rows.put(opened.conversation, message, 1, sealed)
        try:
            shown = await town.seen(opened)
        finally:
            town.rows.ask("delete from messages where id = ?", message)
        for page in ("client", "desk"):
            assert shown.kinds(page) == ["message"] * 3 + ["unreadable"]
            assert not {UNREAD, KIMS} & set(shown.texts(page))


async def test_a_row_played_twice_or_turned_round_is_read_once_and_as_it_was_signed(town):
    opened = await town.claimed(town.mira.conversation)
    _, sealed = town.rows.envelopes(opened.conversation)[0]
    message = sealing.random_bytes(16)
    town.rows.put(opened.conversation, message, Direction.TEAM_TO_CLIENT, sealed)
    try:
        shown = await town.seen(opened)
        assert shown.texts("client") == shown.texts("desk") == [PLEA, HER_WORDS, ANSWER]
        assert not shown.line("client", PLEA)["ours"]
    finally:
        town.rows.ask("delete from messages where id = ?", message)


async def test_a_deleted_row_is_noticed_as_a_gap(town):
    client = Client(town.stack, town.net)
    await client.write_first("one")
    for text in ("two", "three"):
        await client.write(text)
    opened = await town.claimed(client.conversation)
    numbers = [number for number, _ in town.rows.envelopes(client.conversation)]
    town.rows.drop(client.conversation, numbers[1])
    shown = await town.seen(opened)
    assert shown.kinds("client") == shown.kinds("desk") == ["message", "gap", "message"]
    town.rows.drop(client.conversation, numbers[0])
    shown = await town.seen(opened)
    assert shown.kinds("desk") == ["gap", "message"]
    gap = shown.desk[0]
    assert (gap["first"], gap["last"]) == (1, 2)


async def test_limit_the_last_rows_of_a_writer_can_vanish_unnoticed(town):
    """Nothing after them tells that they were there; docs/threat-model.md says so."""
    client = await town.writes("first of two", "second of two")
    opened = await town.claimed(client.conversation)
    *_, (number, _) = town.rows.envelopes(client.conversation)
    town.rows.drop(client.conversation, number)
    shown = await town.seen(opened)
    assert shown.kinds("desk") == shown.kinds("client") == ["message"]


# --- urgency --------------------------------------------------------------------------------


async def test_a_lowered_urgency_in_the_row_differs_from_the_signed_finding(town):
    sql = "update conversations set urgency = ? where id = ?"
    town.rows.ask(sql, 0, town.mira.conversation)
    try:
        opened = await town.ana.open(town.mira.conversation)
        assert opened.row["urgency"] == 0
        assert max(finding["urgency"] for finding in opened.findings()) == 2
        finding = (await town.seen(opened)).line("desk", PLEA)["screening"]
        assert (finding["verified"], finding["screening"]["urgency"]) == (True, 2)
    finally:
        town.rows.ask(sql, 2, town.mira.conversation)


# --- what web does get: the limits ----------------------------------------------------------


async def test_limit_a_web_process_taken_over_can_say_erased_and_not_erase(town, web):
    """The answer's seal needs public keys only; what says *erased* is believed from web."""
    client = await town.writes("not erased at all")
    nonce, reply = await web.nonce(), sealing.new_box_keys()
    answer = sealing.seal(
        Kind.KEEPER_ANSWER, reply.public, sealing.pack(nonce, b"erased", bytes(8))
    )
    assert open_answer(to_text(answer), reply, nonce, 3)[0] == b"erased"
    assert [m.text for m in await town.back(client).come_back()] == ["not erased at all"]


async def test_limit_a_web_process_taken_over_keeps_inner_wraps_beyond_forgetting(town):
    """It names a start key of its own; with the phrase, what it kept opens what was forgotten."""
    client = Client(town.stack, town.net)
    given = await client.load()
    webs_own = sealing.new_box_keys()
    kept = sealing.open_sealed(
        Kind.KEEPER_REQUEST,
        webs_own,
        client.create(given | {"start_key": to_text(webs_own.public)}),
    )
    *_, team, own = sealing.unpack(kept, None)
    wrap = wraps.open_client_wrap(client.own.box, own, client.conversation)
    assert wrap.messages.public == client.keys.messages.public
    with pytest.raises(CannotOpen):
        sealing.open_sealed(Kind.TEAM_WRAP, webs_own, team)
    assert to_bytes(given["start_key"]) != webs_own.public
