"""What the caretaker asks: forgetting by time, what lives, orphans (docs/keeper.md, 0x30-0x35)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from intake_server.keeper.alarms import Alarm
from intake_server.keeper.dates import DAY, is_address_over, is_conversation_over
from intake_server.keeper.parts import Keeper
from intake_server.keeper.shared_work import (
    Arguments,
    Fields,
    forget,
    living,
    reference_to,
    with_addresses,
)
from vault.keeper_protocol import (
    FROM_FIRST,
    MAX_FREED,
    MAX_LIVING,
    REFERENCE_SIZE,
    ClockInDoubt,
    Peer,
    Reference,
    Refused,
    number_of,
    u8,
    u32,
)
from vault.sealing import equal
from vault.slot_records import (
    KIND_OF,
    Address,
    Conversation,
    Record,
    RecordKind,
    Staff,
    seconds_of,
)

_CLIENTS: Final = (RecordKind.CONVERSATION, RecordKind.ADDRESS)
_ORPHAN_AGE: Final = DAY
_ORPHANS_ALLOWED: Final = 10
_ORPHAN_SHARE: Final = 100  # one in so many of what lives
_CURRENT, _OLD, _OTHER_PAIRING = 0, 1, 2


async def announce(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """Take the caretaker's key for the first roster, or compare it with the pinned one."""
    known = keeper.chain.roster
    if known is not None and arguments[0] != known.founding.caretaker_sign_key:
        keeper.alarms.raise_(Alarm.CARETAKER_KEYS)
        raise Refused("this is not the caretaker's key of the roster")
    keeper.seen.caretaker_key = arguments[0]
    return ()


async def forget_due(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """Free what is over, up to a limit; what is being written at this moment waits."""
    await keeper.watch.record()
    _trust_clock(keeper)
    limit = min(number_of(arguments[0]), MAX_FREED)
    chosen, has_more = await _choose_due(keeper, keeper.clock.unix(), limit)
    going: dict[int, Record] = {}
    for slot in chosen:
        record = keeper.slots.get(slot)
        if keeper.slots.is_busy(slot) or not _is_over(keeper, record, keeper.clock.unix()):
            has_more = has_more or keeper.slots.is_busy(slot)
        else:
            going |= _with_addresses(keeper, slot, record)
    await forget(keeper, going)
    return b"".join(_line(slot, record) for slot, record in going.items()), u8(has_more)


async def _choose_due(keeper: Keeper, now: int, limit: int) -> tuple[list[int], bool]:
    """Slots that look over, leaving room for the address of each, and whether there are more."""
    chosen: list[int] = []
    room = limit
    async for slot, record in keeper.slots.scan(_CLIENTS):
        if not _is_over(keeper, record, now):
            continue
        needed = 1
        if isinstance(record, Conversation):
            needed += len(keeper.slots.address_slots(slot))
        if needed > room:
            return chosen, True
        chosen.append(slot)
        room -= needed
    return chosen, False


def _is_over(keeper: Keeper, record: Record | None, now: int) -> bool:
    if isinstance(record, Conversation):
        return is_conversation_over(record, now)
    if isinstance(record, Address):
        owner = keeper.slots.get(record.conversation_slot)
        is_alone = owner is None or not equal(owner.tag, record.conversation_tag)
        return is_alone or is_address_over(record, now)
    return False


def _with_addresses(keeper: Keeper, slot: int, record: Record | None) -> dict[int, Record]:
    """The records that go with this one."""
    if isinstance(record, Conversation):
        return with_addresses(keeper, slot, record)
    return {} if record is None else {slot: record}


async def report_counter(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """Remember the highest commit counter; say whether the database is the current one."""
    pairing_id, counter = arguments[0], number_of(arguments[1])
    header = keeper.slots.header
    keeper.seen.is_database_current = False
    if pairing_id != header.pairing_id:
        keeper.alarms.raise_(Alarm.OTHER_DATABASE)
        return (u8(_OTHER_PAIRING),)
    if counter < header.commits:
        keeper.alarms.raise_(Alarm.DATABASE_IS_OLD)
        return (u8(_OLD),)
    if counter > header.commits:
        await keeper.slots.write(
            {}, lambda before: replace(before, commits=max(before.commits, counter))
        )
    # A later, higher report may have been written while this one waited for the disk.
    keeper.seen.is_database_current = counter >= keeper.slots.header.commits
    keeper.alarms.end(Alarm.OTHER_DATABASE, Alarm.DATABASE_IS_OLD)
    return (u8(_CURRENT),)


async def live(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """Which of these references live."""
    return (b"".join(u8(living(keeper, each) is not None) for each in _references(arguments[0])),)


async def all_live(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """Every living conversation and address after a slot; who is staff is not told."""
    after, limit = map(number_of, arguments)
    start = 0 if after == FROM_FIRST else after + 1
    lines: list[bytes] = []
    async for slot, record in keeper.slots.scan(_CLIENTS, start):
        if len(lines) == min(limit, MAX_LIVING):
            return b"".join(lines), u8(True)  # noqa: FBT003  # it stands for the field "more"
        if not isinstance(record, Staff):
            lines.append(_line(slot, record) + u32(record.created))
    return b"".join(lines), u8(False)  # noqa: FBT003  # it stands for the field "more"


async def free_orphans(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """Free conversations of which nobody has ever proved anything, a day after their making.

    From the checks until the number is written down nothing is awaited, so that requests side by
    side share one allowance. A number the disk then refuses stays counted.
    """
    asked = list(_references(arguments[0]))
    for reference in asked:
        await keeper.slots.quiet(reference.slot)
    keeper.watch.look()
    _trust_clock(keeper)
    if not keeper.seen.is_database_current:
        raise Refused("only with a current database can it be told what is an orphan")
    _check_share(keeper, len(asked))
    going: dict[int, Record] = {}
    for reference in asked:
        record = living(keeper, reference)
        if _is_orphan(keeper, record) and not keeper.slots.is_busy(reference.slot):
            going |= _with_addresses(keeper, reference.slot, record)
    freed = sum(isinstance(record, Conversation) for record in going.values())
    keeper.seen.orphans_freed.append((keeper.clock.monotonic(), freed))
    await forget(keeper, going)
    return (u32(freed),)


def _check_share(keeper: Keeper, number: int) -> None:
    """Refuse, with an alarm, when too many would have gone within a day."""
    now = keeper.clock.monotonic()
    recent = [(at, freed) for at, freed in keeper.seen.orphans_freed if now - at < DAY]
    keeper.seen.orphans_freed[:] = recent
    lives = keeper.slots.live(RecordKind.CONVERSATION)
    allowed = max(_ORPHANS_ALLOWED, lives // _ORPHAN_SHARE)
    if number + sum(freed for _, freed in recent) > allowed:
        keeper.alarms.raise_(Alarm.TOO_MANY_ORPHANS)
        raise Refused("more would be freed within a day than orphans can explain")


def _is_orphan(keeper: Keeper, record: Record | None) -> bool:
    return (
        isinstance(record, Conversation)
        and not record.is_known
        and seconds_of(record.created) + _ORPHAN_AGE <= keeper.clock.unix()
    )


def _trust_clock(keeper: Keeper) -> None:
    if keeper.watch.is_in_doubt:
        raise ClockInDoubt("forgetting by time waits until the operator says the clock is right")


def _references(packed: bytes) -> Iterable[Reference]:
    for at in range(0, len(packed), REFERENCE_SIZE):
        yield Reference.of(packed[at : at + REFERENCE_SIZE])


def _line(slot: int, record: Record) -> bytes:
    owner = record.staff_id if isinstance(record, Staff) else record.conversation_id
    return reference_to(slot, record) + u8(KIND_OF[type(record)]) + owner
