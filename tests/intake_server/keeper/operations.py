"""What a keeper was doing when it was killed, and what must be true afterwards.

Each operation runs in the child that is killed; its check runs in a new keeper over the same
files. Everything is made from one seed, so that both know the same people.
"""

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from tests.intake_server.keeper.world import NOON, Hotline, Member
from vault.keeper_protocol import Refused, Verb, u8, u32
from vault.keeper_requests import Periods
from vault.page_proposal import Proposal, sealed_proposal
from vault.roster import EntryType, Role, person_payload, sign_entry
from vault.sealing import Secret, sign_keys
from vault.slot_records import RecordKind
from vault.wraps import Address, open_grant, seal_address, seal_grant

HOUR = 3600
MATRIX = 3
WRAPS = "wraps.bin"
GONE = "gone.bin"


@dataclass(frozen=True)
class Operation:
    """`check` is told whether the operation was acknowledged."""

    run: Callable[[Hotline], Awaitable[object]]
    check: Callable[..., Awaitable[None]]
    writes_file: str = "records"


async def prepare(hotline: Hotline, operation: str) -> None:
    """What was there before, all of it acknowledged: a hotline, who writes, who was erased."""
    if operation == "set-up":
        await hotline.announce()
        return
    await hotline.set_up()
    if operation == "join":
        await invite(hotline)
    (hotline.folder / "staff.bin").write_bytes(hotline.staff_wrap)
    _, kept = await hotline.write_in(hotline.client("kept"))
    (hotline.folder / WRAPS).write_bytes(kept.client_wrap)
    gone, made = await hotline.write_in(hotline.client("gone"))
    record = hotline.keeper.slots.get(made.reference.slot)
    (hotline.folder / GONE).write_bytes(record.s.reveal())
    await hotline.erase(gone)
    await hotline.write_in(hotline.client("target"))
    if operation == "part from a chat":
        chatting, _ = await hotline.write_in(hotline.client("chatting"))
        code = await hotline.code(chatting)
        await hotline.joins.redeem(code, chat_tag(hotline), MATRIX, 48)
    await hotline.message_in(hotline.client("messenger"), address_tag=address_tag(hotline))
    if operation == "let a page in":
        await confirm_page(hotline)


def address_tag(hotline: Hotline) -> bytes:
    return hotline.secret("address tag").reveal()


async def check_all(hotline: Hotline, operation: str, *, acknowledged: bool) -> None:
    """Nothing acknowledged is lost, nothing acknowledged as erased can be read."""
    slots = hotline.keeper.slots
    assert slots.damaged == 0
    folder = hotline.folder / "keeper"
    files = [(folder / name).read_bytes() for name in ("slots.bin", "slots.twin")]
    assert files[0] == files[1]
    if operation != "set-up":
        hotline.staff_wrap = (hotline.folder / "staff.bin").read_bytes()
        wrap = (hotline.folder / WRAPS).read_bytes()
        assert await hotline.open_client_wrap(hotline.client("kept"), wrap)
        with pytest.raises(Refused):
            await hotline.web.find(hotline.client("gone").lookup_tag)
        gone = (hotline.folder / GONE).read_bytes()
        assert all(gone not in data for data in files)
        hotline.clock.turn(60)
        assert await hotline.sign_in(hotline.first)
    await OPERATIONS[operation].check(hotline, acknowledged=acknowledged)


async def lives(hotline: Hotline, label: str) -> bool:
    try:
        await hotline.web.find(hotline.client(label).lookup_tag)
    except Refused:
        return False
    return True


# --- clients ------------------------------------------------------------------------------


async def create(hotline: Hotline) -> None:
    await hotline.write_in(hotline.client("new"))


async def check_create(hotline: Hotline, *, acknowledged: bool) -> None:
    was_there = await lives(hotline, "new")
    assert was_there or not acknowledged
    client, made = await hotline.write_in(hotline.client("new"))
    assert await hotline.open_client_wrap(client, made.client_wrap)
    assert hotline.keeper.slots.live(RecordKind.CONVERSATION) == 4


async def erase(hotline: Hotline) -> None:
    await hotline.erase(hotline.client("target"))


async def check_erase(hotline: Hotline, *, acknowledged: bool) -> None:
    if await lives(hotline, "target"):
        assert not acknowledged
        await hotline.erase(hotline.client("target"))
    assert not await lives(hotline, "target")
    await hotline.restart()
    assert not await lives(hotline, "target")


async def move_due(hotline: Hotline) -> None:
    await hotline.change_due(hotline.client("target"), NOON + 10 * HOUR)


async def check_due(hotline: Hotline, *, acknowledged: bool) -> None:
    found = await hotline.web.find(hotline.client("target").lookup_tag)
    before = NOON + 60 + 72 * HOUR
    assert found.due in ({NOON + 10 * HOUR} if acknowledged else {NOON + 10 * HOUR, before})
    await move_due(hotline)
    found = await hotline.web.find(hotline.client("target").lookup_tag)
    assert found.due == NOON + 10 * HOUR


async def forget_due(hotline: Hotline) -> None:
    await hotline.write_in(hotline.client("short"), periods=Periods(1, 24, 1))
    hotline.clock.turn(2 * HOUR)
    await hotline.caretaker.forget_due(100)


async def check_forget(hotline: Hotline, *, acknowledged: bool) -> None:
    assert not (acknowledged and await lives(hotline, "short"))
    hotline.clock.turn(2 * HOUR)
    await hotline.caretaker.forget_due(100)
    assert not await lives(hotline, "short")
    assert await lives(hotline, "target")


# --- messengers ---------------------------------------------------------------------------


async def message(hotline: Hotline, label: str = "texting") -> None:
    await hotline.message_in(
        hotline.client(label), address_tag=hotline.secret("other tag").reveal()
    )


async def check_message(hotline: Hotline, *, acknowledged: bool) -> None:
    """Whole or not at all to the courier: it erases what has no stored wrap and makes it anew."""
    tag = hotline.secret("other tag").reveal()
    try:
        found = await hotline.courier.find_address(tag)
    except Refused:
        assert not acknowledged
        await hotline.caretaker.forget_due(100)  # an address alone goes
    else:
        await hotline.courier.erase(found.address)
    await clear_half_made(hotline, "texting")
    await message(hotline, "texting again")
    assert await hotline.courier.find_address(tag)


async def clear_half_made(hotline: Hotline, label: str) -> None:
    """A conversation whose address did not reach the disk is an orphan, freed after a day."""
    current = (await hotline.caretaker.hello()).pairing_id
    await hotline.caretaker.report_counter(current, 1)
    living, _ = await hotline.caretaker.all_live()
    halves = [
        each.reference
        for each in living
        if each.conversation_id == hotline.client(label).conversation_id
    ]
    if halves:
        hotline.clock.turn(25 * HOUR)
        assert await hotline.caretaker.free_orphans(halves) == 1


async def drop_address(hotline: Hotline) -> None:
    found = await hotline.courier.find_address(address_tag(hotline))
    await hotline.courier.erase(found.address)


async def check_drop(hotline: Hotline, *, acknowledged: bool) -> None:
    try:
        await drop_address(hotline)
    except Refused:
        pass
    else:
        assert not acknowledged
    with pytest.raises(Refused):
        await hotline.courier.find_address(address_tag(hotline))


# --- header, roster, grants, set-up -------------------------------------------------------


async def report(hotline: Hotline) -> None:
    hello = await hotline.caretaker.hello()
    await hotline.caretaker.report_counter(hello.pairing_id, 7)


async def check_report(hotline: Hotline, *, acknowledged: bool) -> None:
    assert hotline.keeper.slots.header.commits in ({7} if acknowledged else {0, 7})
    await report(hotline)
    hello = await hotline.caretaker.hello()
    assert await hotline.caretaker.report_counter(hello.pairing_id, 6) == 1


def new_person(hotline: Hotline) -> Member:
    return Member("Ben", staff_id=hotline.secret("ben").reveal()[:16], seed=hotline.secret("b"))


async def append(hotline: Hotline) -> None:
    first = hotline.first
    roster = await hotline.roster()
    part = await hotline.desk.roster()
    if roster.number == 1:
        entry = sign_entry(
            roster,
            EntryType.PERSON,
            person_payload(new_person(hotline).person(Role.COUNSELLOR)),
            first.staff_id,
            first.keys.sign,
            NOON,
        )
    else:
        entry = part.entries[1]
    proof, _ = await hotline.staff_proof(first, Verb.APPEND, first.staff_id, entry)
    await hotline.desk.append(first.staff_id, entry, proof)


async def check_append(hotline: Hotline, *, acknowledged: bool) -> None:
    number = (await hotline.roster()).number
    assert number in ({2} if acknowledged else {1, 2})
    await append(hotline)
    roster = await hotline.roster()
    assert roster.number == 2
    assert new_person(hotline).staff_id in roster.people


async def put_grant(hotline: Hotline) -> None:
    first, seed = hotline.first, hotline.secret("next team")
    grant = seal_grant(first.keys.box.public, 2, seed)
    proof, _ = await hotline.staff_proof(
        first, Verb.PUT_GRANT, first.staff_id, first.staff_id, u32(2), grant
    )
    await hotline.desk.put_grant(first.staff_id, first.staff_id, 2, grant, proof)


async def grants(hotline: Hotline) -> list[Secret]:
    hotline.clock.turn(60)
    _, (_, _, _, *given) = await hotline.sign_in(hotline.first)
    box = hotline.first.keys.box
    return [open_grant(box, grant, number) for number, grant in enumerate(given, 1)]


async def check_grant(hotline: Hotline, *, acknowledged: bool) -> None:
    both = [hotline.team_seeds[0], hotline.secret("next team")]
    given = await grants(hotline)
    assert given == both or (given == both[:1] and not acknowledged)
    await put_grant(hotline)
    assert await grants(hotline) == both


async def set_up(hotline: Hotline) -> None:
    request, mac = await hotline.set_up_request()
    prepared = await hotline.desk.set_up_prepare(request, mac)
    (hotline.folder / "staff.bin").write_bytes(prepared.staff_wrap)
    (hotline.folder / "request.bin").write_bytes(request + mac)
    await hotline.desk.set_up_pin(request, mac)


async def check_set_up(hotline: Hotline, *, acknowledged: bool) -> None:
    """No root: a new link starts over. Pinned: the same request gets the same answer."""
    hello = await hotline.desk.hello()
    if hello.root is None:
        assert not acknowledged
        assert hotline.keeper.slots.live(RecordKind.STAFF) == 0
        assert not hotline.keeper.chain.is_on_disk()
        hotline.clock.turn(60)
        await hotline.set_up()
    else:
        hotline.staff_wrap = (hotline.folder / "staff.bin").read_bytes()
        whole = (hotline.folder / "request.bin").read_bytes()
        request, mac = whole[:-32], whole[-32:]
        assert await hotline.desk.set_up_pin(request, mac) == hello.root
        prepared = await hotline.desk.set_up_prepare(request, mac)
        assert prepared.staff_id == hotline.first.staff_id
        assert prepared.login_tag == hotline.first.login_tag
        assert prepared.staff_wrap is None
        with pytest.raises(Refused):
            await hotline.operator.set_up_token()
    hotline.clock.turn(60)
    assert await hotline.sign_in(hotline.first)


# --- a newcomer ---------------------------------------------------------------------------


def newcomer(hotline: Hotline) -> Member:
    """Somebody invited, with everything that only their browser knows."""
    secret = hotline.secret
    return Member(
        "Kim",
        staff_id=secret("kim").reveal()[:16],
        seed=secret("kim seed"),
        authentication=secret("kim authentication"),
        wrapping=secret("kim wrapping"),
        totp=Secret(secret("kim totp").reveal()[:20]),
        salt=secret("kim salt").reveal()[:16],
    )


async def invite(hotline: Hotline) -> None:
    first, roles = hotline.first, Role.COUNSELLOR
    link, kim = sign_keys(hotline.secret("link")), newcomer(hotline).staff_id
    proof, _ = await hotline.staff_proof(
        first, Verb.INVITE, first.staff_id, kim, u8(roles), link.public
    )
    await hotline.team.invite(first.staff_id, kim, roles, link.public, proof)


async def join(hotline: Hotline) -> bytes:
    """The outer wrap of what the newcomer stored."""
    joined = await hotline.join(sign_keys(hotline.secret("link")), newcomer(hotline))
    return joined.staff_wrap


async def check_join(hotline: Hotline, *, acknowledged: bool) -> None:
    """Half of it lets nobody in; the same invitation goes on, makes one slot and lets in."""
    kim = newcomer(hotline)
    waiting = hotline.keeper.newcomers.all[kim.staff_id]
    assert waiting.joined is not None or not acknowledged
    before = hotline.keeper.slots.live(RecordKind.STAFF)
    hotline.clock.turn(60)
    outer = await join(hotline)
    assert hotline.keeper.slots.live(RecordKind.STAFF) == 2
    assert before == 2 or not acknowledged
    with pytest.raises(Refused):
        await hotline.sign_in(kim, outer=outer)
    await hotline.append(EntryType.PERSON, person_payload(kim.person(Role.COUNSELLOR)))
    await hotline.put_grant(hotline.first, kim, 1, hotline.team_seeds[0])
    hotline.clock.turn(120)
    _, (_, _, _, grant) = await hotline.sign_in(kim, outer=outer)
    assert open_grant(kim.keys.box, grant, 1) == hotline.team_seeds[0]


# --- a page and a chat --------------------------------------------------------------------


async def join_chat(hotline: Hotline) -> None:
    code = await hotline.code(hotline.client("target"))
    await hotline.joins.redeem(code, chat_tag(hotline), MATRIX, 48)


async def check_join_chat(hotline: Hotline, *, acknowledged: bool) -> None:
    """What the repeated message does: it seals the address, or redeems another code."""
    target = hotline.client("target")
    try:
        found = await hotline.courier.find_address(chat_tag(hotline))
    except Refused:
        assert not acknowledged
        await join_chat(hotline)
        found = await hotline.courier.find_address(chat_tag(hotline))
    place = Address(target.conversation_id, "matrix", "room", "")
    inner = seal_address(hotline.courier_keys.box.public, place)
    outer = await hotline.courier.seal_address(found.address, inner)
    assert await hotline.courier.open_address(found.address, outer)
    ways = await hotline.choose_hours(target, MATRIX, 60, 120)
    assert ways.is_joined
    assert [(one.channel, one.begin, one.end) for one in ways.each] == [("matrix", 60, 120)]


async def part_chat(hotline: Hotline) -> None:
    await hotline.part(hotline.client("chatting"), MATRIX)


async def check_part_chat(hotline: Hotline, *, acknowledged: bool) -> None:
    chatting = hotline.client("chatting")
    if acknowledged:
        with pytest.raises(Refused):
            await hotline.courier.find_address(chat_tag(hotline))
    else:
        with contextlib.suppress(Refused):
            await hotline.part(chatting, MATRIX)
    with pytest.raises(Refused):
        await hotline.part(chatting, MATRIX)
    await hotline.restart()
    with pytest.raises(Refused):
        await hotline.courier.find_address(chat_tag(hotline))
    assert await lives(hotline, "chatting"), "what was written there stays"


def chat_tag(hotline: Hotline) -> bytes:
    return hotline.secret("chat's address tag").reveal()


# --- a page that asks ---------------------------------------------------------------------


def page_of(hotline: Hotline) -> Proposal:
    page = hotline.client("page")
    return Proposal(page.lookup_tag, page.sign.public, page.box.public)


async def confirm_page(hotline: Hotline) -> None:
    found = await hotline.courier.find_address(address_tag(hotline))
    code, page = await hotline.chat_pages.make_code(found.address), page_of(hotline)
    start_key = (await hotline.web.hello()).start_key
    await hotline.page_asks.propose(sealed_proposal(start_key, code, page))
    await hotline.chat_pages.confirm(found.address, page.hash)


async def check_confirm_page(hotline: Hotline, *, acknowledged: bool) -> None:
    """Whole or not at all; what waits opens nothing either way."""
    assert not await lives(hotline, "page")
    found = await hotline.courier.find_address(address_tag(hotline))
    asked = await hotline.chat_pages.asked(found.address)
    assert asked is not None or not acknowledged
    if asked is None:
        await confirm_page(hotline)
    asked = await hotline.chat_pages.asked(found.address)
    assert asked.is_confirmed
    assert asked.hash == page_of(hotline).hash


async def let_page_in(hotline: Hotline) -> None:
    first, page = hotline.first, page_of(hotline)
    found = await hotline.courier.find_address(address_tag(hotline))
    given = found.reference.packed, first.staff_id, page.hash
    proof, _ = await hotline.staff_proof(first, Verb.PAGE_LET_IN, *given)
    await hotline.team_pages.let_in(found.reference, first.staff_id, page.hash, proof)


async def check_let_page_in(hotline: Hotline, *, acknowledged: bool) -> None:
    """Either it still waits, and is let in now, or its phrase finds the conversation."""
    if not await lives(hotline, "page"):
        assert not acknowledged
        await let_page_in(hotline)
    assert await lives(hotline, "page")
    await let_page_in(hotline)


OPERATIONS = {
    "confirm a page": Operation(confirm_page, check_confirm_page),
    "let a page in": Operation(let_page_in, check_let_page_in),
    "join a chat": Operation(join_chat, check_join_chat),
    "part from a chat": Operation(part_chat, check_part_chat),
    "create": Operation(create, check_create),
    "erase": Operation(erase, check_erase),
    "due": Operation(move_due, check_due),
    "forget due": Operation(forget_due, check_forget),
    "message": Operation(message, check_message),
    "drop address": Operation(drop_address, check_drop),
    "header": Operation(report, check_report, "header"),
    "roster": Operation(append, check_append, "roster"),
    "grants": Operation(put_grant, check_grant, "grants"),
    "set-up": Operation(set_up, check_set_up, "all"),
    "join": Operation(join, check_join, "joining"),
}
