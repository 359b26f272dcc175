"""An attacker inside: with all that desk, courier or caretaker hold, or with every file at rest.

Each test is a line of docs/threat-model.md, as in test_adversary.py, where the web process is.
"""

import contextlib
import os
import signal

import pytest
import pytest_asyncio

from intake_server.screening_link import ScreeningLink, ScreeningRefused
from tests.flows.adversary_town import (
    ANSWER,
    FOR_KIM,
    HER_WORDS,
    KIMS,
    PLEA,
    UNREAD,
    a_town,
    forged,
    made_up_signer,
)
from tests.flows.people import Refused, proof_fields, to_bytes, to_text
from tests.flows.plunder import Loot
from tests.flows.stack import until
from vault import envelope, sealing, wraps
from vault.envelope import Origin
from vault.keeper_protocol import Peer, Verb, u32, u64
from vault.keeper_requests import NewMessengerConversation, Periods, SignIn
from vault.sealing import CannotOpen, Kind, Secret

pytestmark = [
    pytest.mark.proof,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="module"),
]

LIE = "come to the harbour at nine, it is safe"
TEXTS = (PLEA, HER_WORDS, ANSWER, UNREAD, KIMS, FOR_KIM)
FOR_EVERYBODY = {Verb.HELLO, Verb.NONCE, Verb.ROSTER, Verb.SLOT_KEYS}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town():
    async with a_town() as town:
        yield town


@pytest.fixture
def desk(town):
    return town.hands[Peer.DESK]


@pytest.fixture
def courier(town):
    return town.hands[Peer.COURIER]


@pytest.fixture
def caretaker(town):
    return town.hands[Peer.CARETAKER]


def seed_of(town, process):
    return Secret((town.stack.data / process / "seed").read_bytes())


@pytest.fixture
def couriers_keys(town):
    return wraps.courier_keys(seed_of(town, "courier"))


def opens_no_message(town, boxes):
    """Tries each key on each envelope, each stored wrap, and each wrap without its outer layer."""
    truth = town.truth()
    wanted = (Kind.TEAM_WRAP, Kind.CLIENT_WRAP, Kind.STAFF_WRAP)
    inner = [blob for kind in wanted for blob in truth.inner[kind]]
    blobs = town.rows.column("select envelope from messages") + town.rows.outer_blobs() + inner
    for box in boxes:
        for blob in blobs:
            for kind in Kind:
                with pytest.raises(CannotOpen):
                    sealing.open_sealed(kind, box, blob)


# --- desk -----------------------------------------------------------------------------------


async def test_desk_opens_nothing_while_nobody_signs_in(town, desk):
    truth = town.truth()
    learned = await desk.try_everything(but={Verb.SIGN_IN})
    assert learned.verbs == FOR_EVERYBODY | {Verb.SIGN_IN_SALT, Verb.STANDING, Verb.DETAILS}
    assert learned.tried > 1000
    for conversation, outer in town.rows.ask("select id, outer_team from conversations"):
        reference = town.rows.reference(conversation).packed
        arguments = [reference, town.ana.staff_id, u32(1), outer]
        proof = await desk.prove(Verb.OPEN_TEAM_WRAP, arguments)
        assert await desk.ask(Verb.OPEN_TEAM_WRAP, *arguments, *proof) is None
    assert truth.held_by(learned.all()) == set()
    # The last of these requests once more, signed: what she sees who may.
    proof = await desk.prove(Verb.OPEN_TEAM_WRAP, arguments, town.ana.own.sign)
    learned.take(
        Verb.OPEN_TEAM_WRAP, desk.reply, await desk.ask(Verb.OPEN_TEAM_WRAP, *arguments, *proof)
    )
    assert truth.held_by(learned.all()) == {"TEAM_WRAP"}


async def test_desk_is_given_no_staff_wrap_without_the_password(town, desk):
    (login_tag, outer), *_ = town.rows.ask("select login_tag, outer_keys from staff")
    request = SignIn(
        login_tag, Secret(bytes(32)), 123456, await desk.nonce(), desk.reply.public
    ).sealed((await desk.ask(Verb.HELLO))[0])
    assert await desk.ask(Verb.SIGN_IN, request, outer) is None


async def test_a_live_session_token_alone_opens_answers_and_closes_nothing(town, desk):
    """All that the desk has of somebody who is signed in: the token. No key, no signature."""
    before = {row["conversation"]: row["due"] for row in await town.ana.queue()}
    for row in await town.ana.queue():
        reference = to_bytes(row["reference"])
        for path, verb, signed, more in (
            ("/api/open", 0x45, [reference, town.ana.staff_id, u32(1)], {"epoch": 1}),
            ("/api/ways", 0x6D, [reference, town.ana.staff_id], {}),
            ("/api/close", 0x47, [reference, town.ana.staff_id], {"seen": 2**30}),
        ):
            fields = proof_fields(
                made_up_signer(), await desk.nonce(), verb, signed, sealing.new_box_keys()
            )
            with pytest.raises(Refused):
                await town.ana.ask(path, {"conversation": row["conversation"]} | fields | more)
        rows = await town.ana.ask(
            "/api/messages", {"conversation": row["conversation"], "after": 0}
        )
        seen = str(rows).encode() + b"".join(to_bytes(m["envelope"]) for m in rows["messages"])
        assert not [text for text in TEXTS if text.encode() in seen]
    assert {row["conversation"]: row["due"] for row in await town.ana.queue()} == before


async def test_desk_forges_no_reply(town):
    """Neither a row that a client believes nor an item that the courier sends."""
    opened = await town.claimed(town.kims)
    body = await opened.reply_body(LIE, signer=made_up_signer())
    nonce = to_bytes((await town.ana.ask("/api/nonce", {}))["nonce"])
    body |= proof_fields(made_up_signer(), nonce, 0x46, [opened.reference], sealing.new_box_keys())
    with pytest.raises(Refused):
        await town.ana.ask("/api/reply", body)
    assert LIE not in await town.kim.hear(wait=0.3)


async def test_limit_a_session_token_shows_the_queue_and_can_disturb(town):
    """Who waits, how urgently; and a claim or an urgency can be changed with it."""
    row = await town.ana.row(town.noor.conversation)
    assert {"urgency", "waiting_since", "channel", "language"} <= set(row)
    body = {"conversation": to_text(town.noor.conversation), "urgency": 2}
    await town.ana.ask("/api/urgency", body)
    assert (await town.ana.row(town.noor.conversation))["urgency_by"] == "hand"


# --- courier --------------------------------------------------------------------------------

CHANGING = {
    Verb.COURIER_CREATE,
    Verb.COURIER_ERASE,
    Verb.START_OVER,
    Verb.COURIER_CHANGE_DUE,
    Verb.COURIER_CLIENT_WROTE,
    Verb.COURIER_ANNOUNCE,
}


async def test_courier_opens_addresses_and_neither_web_conversations_nor_history(
    town, courier, couriers_keys
):
    truth = town.truth()
    learned = await courier.try_everything(but=CHANGING)
    # It makes codes and seals addresses for what it can open anyway: its clients' addresses.
    own = {Verb.OPEN_ADDRESS, Verb.SEAL_ADDRESS, Verb.MAKE_JOIN_CODE, Verb.DETAILS}
    own |= {Verb.PAGE_CODE, Verb.PAGE_ASKED}
    assert learned.verbs == FOR_EVERYBODY | own
    assert truth.held_by(learned.all()) == {"ADDRESS"}
    opens_no_message(town, [couriers_keys.box])


async def test_limit_courier_finds_and_reads_the_addresses_of_its_clients(
    town, courier, couriers_keys
):
    tag = wraps.address_tag(seed_of(town, "courier"), "loopback", "kim-7741")
    address, _, owner, *_ = await courier.ask(Verb.FIND_ADDRESS, tag)
    assert owner == town.kims
    outer = town.rows.one("select outer_address from addresses where conversation = ?", owner)
    inner, *_ = await courier.ask(Verb.OPEN_ADDRESS, address, outer)
    assert wraps.open_address(couriers_keys.box, inner, owner).address == "kim-7741"


async def test_courier_erases_and_shortens_no_web_conversation(town, courier):
    start_key = (await courier.ask(Verb.HELLO))[0]
    keys, chain = wraps.new_conversation_keys(), town.ana.chain
    for client in (town.mira, town.noor):
        reference = town.rows.reference(client.conversation).packed
        for verb, rest in (
            (Verb.COURIER_ERASE, []),
            (Verb.COURIER_CHANGE_DUE, [u64(0)]),
            (Verb.COURIER_CLIENT_WROTE, []),
        ):
            assert await courier.ask(verb, reference, *rest) is None
        _, cpk, npk, *_ = await courier.ask(Verb.SLOT_KEYS, reference)
        for channel in (1, 255):
            request = NewMessengerConversation(
                conversation_id=client.conversation,
                cpk=cpk,
                npk=npk,
                epoch=1,
                channel=channel,
                periods=Periods(24, 48, 24),
                team_wrap=wraps.seal_team_wrap(
                    chain.epoch.box_key, wraps.TeamWrap(client.conversation, 1, keys, None)
                ),
                address_tag=sealing.random_bytes(32),
                address_hours=24,
                address=wraps.seal_address(
                    chain.founding.courier_box_key,
                    wraps.Address(client.conversation, "loopback", "thief", ""),
                ),
            )
            assert await courier.ask(Verb.COURIER_CREATE, request.sealed(start_key)) is None
    await town.still_stands()


async def shown_with(town, opened, message):
    """What the pages show while this message stands among the rows."""
    town.rows.put(opened.conversation, *message)
    try:
        return await town.seen(opened)
    finally:
        town.rows.ask("delete from messages where id = ?", message[0])


async def test_courier_forges_no_counsellor(town, courier, couriers_keys):
    opened = await town.claimed(town.mira.conversation)
    reference = town.rows.reference(opened.conversation).packed
    _, cpk, *_ = await courier.ask(Verb.SLOT_KEYS, reference)
    message = forged(opened.conversation, cpk, LIE, couriers_keys.sign, Origin.TEAM)
    shown = await shown_with(town, opened, message)
    assert not shown.line("client", LIE)["verified"]
    assert not shown.line("desk", LIE)["verified"]


async def test_limit_courier_speaks_for_its_messenger_clients(town, courier, couriers_keys):
    """Whoever has taken over the courier can write to the team as any of its clients."""
    opened = await town.claimed(town.kims)
    reference = town.rows.reference(opened.conversation).packed
    _, cpk, *_ = await courier.ask(Verb.SLOT_KEYS, reference)
    message = forged(opened.conversation, cpk, LIE, couriers_keys.sign, Origin.COURIER)
    assert (await shown_with(town, opened, message)).line("desk", LIE)["verified"]


async def test_courier_speaks_for_no_client_of_the_web(town, courier, couriers_keys):
    opened = await town.claimed(town.mira.conversation)
    reference = town.rows.reference(opened.conversation).packed
    _, cpk, *_ = await courier.ask(Verb.SLOT_KEYS, reference)
    message = forged(opened.conversation, cpk, LIE, couriers_keys.sign, Origin.COURIER)
    shown = await shown_with(town, opened, message)
    for page in ("client", "desk"):
        assert not shown.line(page, LIE)["verified"]


async def test_courier_reads_no_reply_to_the_web(town, courier, couriers_keys):
    client = await town.writes("I write on the web and nowhere else")
    town.rows.ask("update conversations set channel = 'loopback' where id = ?", client.conversation)
    reference = town.rows.reference(client.conversation).packed
    read = []
    async with town.without("courier"):
        opened = await town.claimed(client.conversation)
        with contextlib.suppress(Refused):
            await opened.reply("only for somebody on the web")
        for message, outer in town.rows.waiting(client.conversation):
            (inner,) = await courier.ask(Verb.UNWRAP_OUTBOX, reference, message, outer)
            opened_item = wraps.open_outbox_item(
                couriers_keys.box, inner, client.conversation, message
            )
            read.append(opened_item.item.text)
    assert read == []


# --- caretaker ------------------------------------------------------------------------------


async def test_caretaker_frees_nothing_that_is_not_due(town, caretaker):
    """Not even where every row says that it is due."""
    town.rows.ask("update conversations set due_hour = 1")
    for limit in (1, 1700):
        assert await caretaker.ask(Verb.FORGET_DUE, u32(limit)) == (b"", b"\0")
    town.stack.cli("sweep")
    await town.still_stands()


async def test_caretaker_frees_no_orphan_that_is_young_or_was_opened(town, caretaker):
    """Rows gone, as if nobody knew them: a day must pass, and nobody may ever have proved."""
    hidden = sealing.random_bytes(16)
    town.rows.ask("update conversations set id = ? where id = ?", hidden, town.noor.conversation)
    try:
        for packed in town.rows.references():
            assert await caretaker.ask(Verb.FREE_ORPHANS, packed) in (None, (u32(0),))
    finally:
        town.rows.ask(
            "update conversations set id = ? where id = ?", town.noor.conversation, hidden
        )
    await town.still_stands()


async def test_caretaker_opens_nothing(town, caretaker):
    truth = town.truth()
    but = {Verb.REPORT_COUNTER, Verb.CARETAKER_ANNOUNCE}
    learned = await caretaker.try_everything(but=but)
    assert truth.held_by(learned.all()) == set()
    opens_no_message(town, [sealing.box_keys(seed_of(town, "caretaker"))])


async def test_past_texts_are_not_read_with_the_caretakers_seed(town):
    """A copy that was recorded: the key to it was in the memory of a process that has ended."""
    client = await town.writes("screened an hour ago")
    given = await client.load()
    copy = to_bytes(client.copy(given, "screened an hour ago", danger=False))
    seed = seed_of(town, "caretaker")
    labels = ("caretaker/sign", "caretaker/box", "screening")
    boxes = [sealing.box_keys(each) for each in (seed, *(sealing.derive(seed, x) for x in labels))]
    for box in boxes:
        with pytest.raises(CannotOpen):
            wraps.open_screening_copy(box, copy)
    before = given["screening"]["key"]
    os.kill(town.stack.pids()["caretaker"], signal.SIGKILL)

    async def has_another_key():
        screening = (await client.load())["screening"]
        return screening is not None and screening["key"] != before

    await until(has_another_key, "the caretaker is back with another key")
    link = ScreeningLink(town.stack.run / "caretaker.sock")
    reference = town.rows.reference(client.conversation).packed
    with pytest.raises(ScreeningRefused):
        await link.screen(reference, client.conversation, client.message_id, copy)
    await link.close()


async def test_limit_web_and_courier_choose_the_text_of_which_a_finding_speaks(town):
    """The caretaker signs what it finds in the copy; that it is the message, it cannot know."""
    opened = await town.claimed(town.mira.conversation)
    ((message, *_),) = town.rows.ask(
        "select id from messages where conversation = ? order by number limit 1",
        opened.conversation,
    )
    number, true_finding = town.rows.envelopes(opened.conversation, kind=2)[0]
    assert envelope.finding_id(message) in town.rows.column(
        "select id from messages where number = ?", number
    )
    link = ScreeningLink(town.stack.run / "caretaker.sock")
    harmless = wraps.ScreeningCopy(
        opened.conversation, message, danger=False, text="what are your hours", language_hint=""
    )
    screened = await link.screen_text(
        opened.reference, harmless, opened.by.chain.founding.caretaker_sign_key
    )
    await link.close()
    change = "update messages set envelope = ? where conversation = ? and number = ?"
    town.rows.ask(change, screened.finding, opened.conversation, number)
    try:
        finding = (await town.seen(opened)).line("desk", PLEA)["screening"]
    finally:
        town.rows.ask(change, true_finding, opened.conversation, number)
    assert finding["verified"]
    assert finding["screening"]["urgency"] < 2


# --- files at rest --------------------------------------------------------------------------


async def test_every_file_of_the_machine_opens_no_message(town, couriers_keys):
    """Slot file, database, roster, grants, the seeds; neither a phrase nor the team's key."""
    keeper = town.stack.data / "keeper"
    truth = town.truth()
    seeds = [seed_of(town, "courier"), seed_of(town, "caretaker")]
    keys = [couriers_keys.box, *map(sealing.box_keys, seeds)]
    keys += [sealing.box_keys(Secret(key)) for key in truth.shred_keys]
    blobs = [blob for kind, inner in truth.inner.items() if kind != Kind.ADDRESS for blob in inner]
    grants = (keeper / "grants.bin").read_bytes()
    blobs += town.rows.column("select envelope from messages")
    blobs += [grants[at:] for at in range(len(grants)) if grants[at : at + 3] == b"\1\1\x30"]
    assert len(blobs) > 12
    for key in keys:
        for blob in blobs:
            for kind in Kind:
                with pytest.raises(CannotOpen):
                    sealing.open_sealed(kind, key, blob)


async def test_limit_every_file_of_the_machine_tells_messenger_addresses(town, couriers_keys):
    """The courier's seed lies beside them; full-disk encryption is what stands before it."""
    found = [
        wraps.open_address(couriers_keys.box, inner, town.kims).address
        for inner in town.truth().inner[Kind.ADDRESS]
        if _is_of(couriers_keys, inner, town.kims)
    ]
    assert found == ["kim-7741"]


def _is_of(keys, inner, conversation):
    try:
        wraps.open_address(keys.box, inner, conversation)
    except CannotOpen:
        return False
    return True


async def test_a_database_without_its_slot_file_opens_nothing(town):
    """With the team's key and every phrase."""
    path = town.stack.data / "database" / "havenline.sqlite3"
    phrases = [town.mira.own, town.noor.own]
    loot = Loot(databases=[path], team_seeds=[town.ana.team_seed], phrases=phrases)
    assert loot.read_everything() == {}
    loot.slot_files = [(town.stack.data / "keeper" / "slots.bin").read_bytes()]
    assert {town.mira.conversation, town.noor.conversation, town.kims} <= set(
        loot.read_everything()
    )


async def test_passwords_are_not_guessed_from_the_database(town):
    """The right one opens nothing there; with the slot file it does, and a wrong one does not."""
    ((staff_id, outer),) = town.rows.ask("select id, outer_keys from staff")
    right, wrong = (
        wraps.password_parts(password, town.ana.salt).wrapping
        for password in (town.ana.password, "another password")
    )
    overhead = sealing.OUTER_OVERHEAD
    for blob in (outer, outer[4:], outer[overhead:], outer[overhead - 16 :]):
        for given in (blob, sealing.header(Kind.STAFF_WRAP) + blob):
            with pytest.raises(CannotOpen):
                wraps.open_staff_wrap(right, staff_id, given)
    (inner,) = town.truth().inner[Kind.STAFF_WRAP]
    assert wraps.open_staff_wrap(right, staff_id, inner) == town.ana.seed
    with pytest.raises(CannotOpen):
        wraps.open_staff_wrap(wrong, staff_id, inner)
