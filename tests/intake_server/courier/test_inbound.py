"""What arrives over a messenger is stored once, sealed, and acknowledged only then."""

import asyncio
import re

import msgspec
import pytest

from bots.channel import Attachment, ChannelUnavailable, Incoming
from bots.loopback import Loopback
from intake_server.courier.commands import ERASE_COMMAND
from intake_server.courier.parts import MARKS, NEW_KEYS, UNREADABLE, split
from vault import addresses, changes, conversations, organisation
from vault.engine import DatabaseFull
from vault.keeper_protocol import Reference, Refused, Verb
from vault.slot_records import Channel
from vault.ways import NUMBERS

HOUR = 3600


async def loopback_of(stage) -> Loopback:
    courier = await stage.with_courier()
    return courier.channels["loopback"]


async def said(loopback, *texts, address="kim") -> None:
    async with asyncio.timeout(60):
        for text in texts:
            await loopback.say(address, text)


def test_channels_are_numbered_as_the_slot_file_numbers_them():
    known = {channel.name.lower(): channel.value for channel in Channel if channel.name != "WEB"}
    assert dict(NUMBERS) == known


async def test_a_first_message_makes_a_conversation_that_the_team_reads(stage):
    loopback = await loopback_of(stage)
    await said(loopback, "help me please")
    row = await stage.only_row()
    assert (row.channel, row.state, row.urgency, row.urgency_by) == (
        "loopback",
        "waiting",
        1,
        "not_screened",
    )
    assert await stage.texts(row) == ["help me please"]
    (told,) = await stage.database.read(lambda c: changes.since(c, 0))
    assert (told.conversation, told.what) == (row.id, "new")
    keys = await stage.desk.slot_keys(stage.reference_of(row))
    assert (keys.conversation_id, keys.channel, keys.verify_key) == (row.id, 255, None)


async def test_a_known_address_finds_its_conversation(stage):
    loopback = await loopback_of(stage)
    await said(loopback, "one", "two")
    await said(loopback, "from somebody else", address="jo")
    rows = await stage.rows()
    assert sorted([await stage.texts(row) for row in rows]) == [
        ["from somebody else"],
        ["one", "two"],
    ]


async def test_a_further_message_moves_the_date_and_wakes_a_closed_conversation(stage):
    loopback = await loopback_of(stage)
    await said(loopback, "one")
    row = await stage.only_row()
    stage.clock.turn(5 * HOUR)
    await stage.database.write(lambda c: conversations.close(c, row.id, row.due))
    await said(loopback, "two")
    after = await stage.only_row()
    assert after.state == "waiting"
    assert after.due == row.due + 5 * HOUR


async def test_writers_count_on_so_that_a_gap_would_show(stage):
    loopback = await loopback_of(stage)
    await said(loopback, "one", "two")
    await said(loopback, "x" * 9000)
    await said(loopback, "other", address="jo")
    for row in await stage.rows():
        counters = [one.counter for one in await stage.envelopes(row)]
        assert counters == list(range(1, len(counters) + 1))
        assert len({one.writer_id for one in await stage.envelopes(row)}) == 1


async def test_nothing_readable_of_it_lies_in_any_file_or_log(stage):
    loopback = await loopback_of(stage)
    await said(loopback, "a very particular secret", address="+4915550001111")
    await stage.dismiss_all()
    written = b"".join(file.read_bytes() for file in stage.folder.rglob("*") if file.is_file())
    for mark in ("particular secret", "4915550001111"):
        assert mark.encode() not in written
        assert mark not in stage.lines.getvalue()


async def test_a_repeated_message_is_stored_once(stage):
    loopback = await loopback_of(stage)
    for _ in range(3):
        await loopback.say("kim", "hello", transport_id="the-same")
    assert await stage.texts(await stage.only_row()) == ["hello"]
    await loopback.say("jo", "hello", transport_id="another")
    assert len(await stage.rows()) == 2


async def test_messages_of_one_address_at_once_make_one_conversation(stage):
    courier = await stage.with_courier()
    channel = courier.channels["loopback"]
    incoming = [
        Incoming("kim", f"id-{number}", f"text {number}", (), stage.now()) for number in range(8)
    ]
    await asyncio.gather(*(courier.inbound.take(channel, one) for one in incoming))
    assert len(await stage.texts(await stage.only_row())) == 8


@pytest.mark.parametrize(
    ("kinds", "text", "stored"),
    [
        ((Attachment.VOICE,), None, [MARKS[Attachment.VOICE]]),
        ((Attachment.PICTURE,), "  ", [MARKS[Attachment.PICTURE]]),
        ((Attachment.PICTURE,), "look", ["look", MARKS[Attachment.PICTURE]]),
        (
            (Attachment.VOICE, Attachment.FILE),
            None,
            [f"{MARKS[Attachment.VOICE]} {MARKS[Attachment.FILE]}"],
        ),
    ],
)
async def test_attachments_are_named_and_not_screened(stage, kinds, text, stored):
    loopback = await loopback_of(stage)
    async with asyncio.timeout(60):
        await loopback.say("kim", text, attachments=kinds)
    row = await stage.only_row()
    assert await stage.texts(row) == stored
    assert (row.urgency, row.urgency_by) == (1, "not_screened")


async def test_what_says_nothing_is_acknowledged_and_not_stored(stage):
    loopback = await loopback_of(stage)
    await said(loopback, "", " \n", "\u200b")
    assert await stage.rows() == []


async def test_a_text_too_long_for_one_envelope_becomes_several(stage):
    loopback = await loopback_of(stage)
    long = "word " * 3000
    await said(loopback, long)
    texts = await stage.texts(await stage.only_row())
    assert len(texts) > 3
    assert "".join(texts) == long


@pytest.mark.parametrize("text", ["a" * 9001, "字" * 9000, "x y " * 5000, "🙂\n" * 5000, ""])
def test_splitting_loses_nothing(text):
    parts = split(text)
    assert "".join(parts) == text
    assert all(part and len(part) <= 4000 and len(part.encode()) <= 15000 for part in parts)


# --- acknowledged only when stored --------------------------------------------------------


async def test_before_somebody_is_set_up_the_channel_keeps_messages(bare):
    await bare.announce()
    loopback = await loopback_of(bare)
    stored = loopback.say("kim", "early")
    await asyncio.sleep(0.3)
    assert not stored.done()
    assert await bare.rows() == []
    await bare.set_up()
    async with asyncio.timeout(60):
        await stored
    assert await bare.texts(await bare.only_row()) == ["early"]


async def test_while_the_keeper_is_away_the_channel_keeps_messages(stage):
    loopback = await loopback_of(stage)
    await said(loopback, "one")
    await stage.close()
    stored = loopback.say("kim", "two")
    await asyncio.sleep(0.3)
    assert not stored.done()
    await stage.open()
    async with asyncio.timeout(60):
        await stored
    assert await stage.texts(await stage.only_row()) == ["one", "two"]


@pytest.mark.parametrize("failures", [1, 2])
async def test_a_crash_between_slot_and_commit_loses_nothing_and_leaves_nothing(stage, failures):
    courier = await stage.with_courier()
    channel = courier.channels["loopback"]
    incoming = Incoming("kim", "id-1", "precious", (), stage.now())
    write = courier.inbound.work.database.write

    async def refuse(_work):
        raise DatabaseFull

    courier.inbound.work.database.write = refuse
    for _ in range(failures):
        with pytest.raises(ChannelUnavailable):
            await courier.inbound.take(channel, incoming)
    living, _ = await stage.caretaker.all_live()
    assert [one.kind for one in living] != []
    courier.inbound.work.database.write = write
    await courier.inbound.take(channel, incoming)
    row = await stage.only_row()
    assert await stage.texts(row) == ["precious"]
    living, _ = await stage.caretaker.all_live()
    assert {one.conversation_id for one in living} == {row.id}
    assert sorted(one.kind for one in living) == [1, 2]


async def test_a_slot_younger_than_a_restored_database_is_made_anew(stage):
    loopback = await loopback_of(stage)
    await said(loopback, "before")
    lost = await stage.only_row()
    await stage.database.write(lambda c: conversations.delete(c, [lost.id]))
    await said(loopback, "after")
    row = await stage.only_row()
    assert row.id != lost.id
    assert await stage.texts(row) == ["after"]
    with pytest.raises(Refused):
        await stage.desk.slot_keys(Reference(lost.slot, lost.tag))


async def test_a_conversation_erased_elsewhere_starts_anew(stage):
    loopback = await loopback_of(stage)
    await said(loopback, "one")
    row = await stage.only_row()
    found = await stage.courier.find_address(stage.courier_tag("loopback", "kim"))
    await stage.courier.erase(found.address)
    await said(loopback, "two")
    rows = [one for one in await stage.rows() if one.id != row.id]
    assert await stage.texts(rows[0]) == ["two"]


async def test_health_tells_when_nothing_can_be_stored(stage):
    courier = await stage.with_courier()
    loopback = courier.channels["loopback"]
    assert courier.report(stage.clock.monotonic())["ok"] is True
    await stage.close()
    stored = loopback.say("kim", "kept")
    await asyncio.sleep(0.2)
    stage.clock.turn(120)
    report = courier.report(stage.clock.monotonic())
    assert report["waiting"] == 1
    assert "messages_kept" in report["alarms"]
    await stage.open()
    async with asyncio.timeout(60):
        await stored
    assert "messages_kept" not in courier.report(stage.clock.monotonic())["alarms"]
    loopback.cut()
    assert "loopback_unreachable" in courier.report(stage.clock.monotonic())["alarms"]


# --- what is said without a counsellor ----------------------------------------------------


async def test_the_first_message_sets_the_timer_and_is_answered_once(stage):
    courier = await stage.with_courier()
    loopback = courier.channels["loopback"]
    heard = loopback.listen("kim")
    await said(loopback, "one", "two")
    assert await heard.get() == {"timer": 7 * 24 * HOUR}
    text = (await heard.get())["text"]
    assert text.startswith("Thank you.")
    assert "for 14 days" in text
    assert "{" not in text
    await stage.dismiss_all()
    assert heard.empty()


async def test_on_a_locked_screen_an_answer_tells_nothing(stage):
    """What stands in the first 60 characters of each fixed text names no subject, no help."""
    courier = await stage.with_courier()
    told = ("help", "danger", "violence", "traffick", "police", "counsel", "safe", "hotline")
    for text in vars_of(courier.inbound.speech.spoken.usual):
        assert text
        assert not [word for word in told if word in text[:60].casefold()]


def vars_of(answers):
    return [getattr(answers, name) for name in answers.__slots__]


async def test_a_voice_message_is_answered_that_it_cannot_be_opened(stage):
    courier = await stage.with_courier()
    loopback = courier.channels["loopback"]
    await said(loopback, "one")
    heard = loopback.listen("kim")
    await next_text(heard)
    async with asyncio.timeout(60):
        await loopback.say("kim", None, attachments=(Attachment.VOICE,))
    assert await next_text(heard) == courier.inbound.speech.spoken.usual.text_only


async def next_text(heard):
    async with asyncio.timeout(60):
        while "text" not in (line := await heard.get()):
            pass
    return line["text"]


@pytest.mark.parametrize(
    ("incoming", "stored"),
    [
        ({"text": None}, UNREADABLE),
        ({"text": "it is me", "identity_changed": True}, f"it is me|{NEW_KEYS}"),
    ],
)
async def test_what_only_the_channel_knows_is_marked_for_the_team(stage, incoming, stored):
    loopback = await loopback_of(stage)
    await loopback.say("kim", **incoming)
    assert "|".join(await stage.texts(await stage.only_row())) == stored


async def test_an_organisation_may_say_it_otherwise_or_not_at_all(stage):
    own = stage.folder / "courier" / "answers.json"
    own.write_text('{"acknowledgement": ""}')
    courier = await stage.with_courier()
    loopback = courier.channels["loopback"]
    heard = loopback.listen("kim")
    await said(loopback, "one")
    await stage.dismiss_all()
    assert [heard.get_nowait() for _ in range(heard.qsize())] == [{"timer": 7 * 24 * HOUR}]


# --- erasing ------------------------------------------------------------------------------


async def asked(stage, loopback, heard, *, text=ERASE_COMMAND) -> str:
    """The number that must be repeated."""
    await said(loopback, text)
    answer = await next_text(heard)
    (number,) = re.findall(r"\b\d{4}\b", answer)
    assert len(await stage.rows()) == 1
    return number


async def test_a_client_erases_everything_by_a_command_and_a_number(stage):
    courier = await stage.with_courier()
    loopback = courier.channels["loopback"]
    heard = loopback.listen("kim")
    await said(loopback, "secret")
    row = await stage.only_row()
    await next_text(heard)
    number = await asked(stage, loopback, heard, text=f" {ERASE_COMMAND.upper()} ")
    assert await asked(stage, loopback, heard) == number
    await said(loopback, f" {number}\n")
    answers = courier.inbound.speech.spoken.usual
    assert await next_text(heard) == answers.erased
    assert await next_text(heard) == answers.left_vanishing
    assert await heard.get() == {"forgotten": True}
    assert await stage.rows() == []
    assert await stage.database.read(addresses.all_references) == []
    with pytest.raises(Refused):
        await stage.desk.slot_keys(stage.reference_of(row))
    await said(loopback, number)  # delivered once more
    assert await stage.rows() == []
    await said(loopback, "again")
    assert await stage.texts(await stage.only_row()) == ["again"]


@pytest.mark.parametrize("late", [True, False])
async def test_any_other_answer_to_the_number_is_a_message_and_erases_nothing(stage, late):
    loopback = await loopback_of(stage)
    heard = loopback.listen("kim")
    await said(loopback, "one")
    await next_text(heard)
    number = await asked(stage, loopback, heard)
    if late:
        stage.clock.turn(601)
    else:
        number = f"{number}."
    await said(loopback, number)
    assert await stage.texts(await stage.only_row()) == ["one", number]


async def test_a_number_that_nobody_was_told_is_a_message(stage):
    loopback = await loopback_of(stage)
    await said(loopback, "1234")
    assert await stage.texts(await stage.only_row()) == ["1234"]


@pytest.mark.parametrize(
    "word",
    [
        *("help", "Help!", "stop", "STOP", "please", "end", "erase", "delete", "quit", "start"),
        *("Hilfe", "aufhören", "bitte", "au secours", "arrête", "ayuda", "para", "por favor"),
        *("aiuto", "basta", "помогите", "стоп", "допоможіть", "будь ласка", "pomoc", "proszę"),
        *("ajutor", "vă rog", "помощ", "yardım", "dur", "النجدة", "قف", "من فضلك", "کمک", "救命"),
        *("停", "ช่วยด้วย", "giúp tôi", "segítség", "ndihmë", "tulong", "/help", "/start", "0", "1"),
    ],
)
async def test_a_bare_word_is_a_message_to_a_counsellor(stage, word):
    loopback = await loopback_of(stage)
    await said(loopback, word)
    row = await stage.only_row()
    assert await stage.texts(row) == [word]
    assert row.state == "waiting"
    assert row.urgency >= 1


async def test_erasing_works_where_the_database_refuses(stage):
    courier = await stage.with_courier()
    channel = courier.channels["loopback"]
    await said(channel, "secret")
    row = await stage.only_row()
    write = courier.inbound.work.database.write

    async def refuse(_work):
        raise DatabaseFull

    courier.inbound.work.database.write = refuse
    number = courier.inbound.commands.number(stage.courier_tag("loopback", "kim"))
    erase = Incoming("kim", "erase", number, (), stage.now())
    with pytest.raises(ChannelUnavailable):
        await courier.inbound.take(channel, erase)
    with pytest.raises(Refused):
        await stage.desk.slot_keys(stage.reference_of(row))
    await courier.inbound.take(channel, erase)  # the channel hands it over again
    courier.inbound.work.database.write = write


async def chosen(stage, number, preset):
    """What an admin chooses at the desk: signed, pinned by the keeper, stored."""
    ana, fingerprint = stage.first, (await stage.roster()).fingerprint
    body = msgspec.json.encode(
        {"schema": 1, "made": stage.now(), "mode": "trial", "retention": preset}
    )
    saved = organisation.signed(fingerprint, number, body, ana.staff_id, ana.keys.sign)
    digest = organisation.hash_of(fingerprint, saved)
    proof, _ = await stage.staff_proof(
        ana, Verb.PIN_DETAILS, ana.staff_id, number.to_bytes(4, "big"), digest
    )
    await stage.team.pin_details(ana.staff_id, number, digest, proof)
    await stage.database.write(lambda c: organisation.put(c, saved))


async def test_a_changed_choice_of_keeping_holds_for_the_next_first_message(stage):
    """No restart is needed; who wrote before keeps what they were promised."""
    loopback = await loopback_of(stage)
    await loopback.say("one", "hello", transport_id="1")
    await chosen(stage, 1, "hours")
    await loopback.say("two", "hello", transport_id="2")
    await chosen(stage, 2, "counselling")
    await loopback.say("three", "hello", transport_id="3")
    days = sorted((row.latest - stage.now()) // (24 * HOUR) for row in await stage.rows())
    assert days == [7, 60, 365]
