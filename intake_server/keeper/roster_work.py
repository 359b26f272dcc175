"""What changes the team: roster entries and grants, and what is tidied after them (0x4A, 0x4B).

The order of *append* is: entry synced, head pinned, then what follows from it. What follows may be
done any number of times and is done again at each start, so that a crash anywhere leaves nothing
behind.
"""

from __future__ import annotations

from dataclasses import replace

from intake_server.keeper.alarms import Alarm
from intake_server.keeper.chain import Grant
from intake_server.keeper.members import ANYBODY, proven
from intake_server.keeper.newcomers import Newcomer
from intake_server.keeper.parts import Keeper
from intake_server.keeper.proofs import sealed_answer
from intake_server.keeper.shared_work import Arguments, Fields, living
from vault.keeper_protocol import Peer, Refused, Verb, number_of
from vault.roster import EntryType, Role, Roster, RosterError, read_entry
from vault.sealing import Kind, Malformed, header
from vault.slot_records import RecordKind, Staff
from vault.slots import DiskRefused


async def append(keeper: Keeper, peer: Peer, arguments: Arguments) -> Fields:
    """Add an entry to the roster; a removal takes effect with it."""
    signer, entry = arguments[0], arguments[1]
    async with keeper.chain.changing:
        proof = proven(keeper, peer, Verb.APPEND, arguments, signer, ANYBODY)
        answer = sealed_answer(proof.reply_key, proof.nonce)
        if not keeper.chain.ends_with(entry):
            await keeper.chain.append(entry, _extended(keeper, entry, signer))
        await pin_head(keeper)
        await settle(keeper)
    return keeper.roster().head, answer


def _extended(keeper: Keeper, entry: bytes, signer: bytes) -> Roster:
    """The roster with this entry; raises Refused unless it holds and the asker signed it.

    No entry may take the team key from the last who can open it: nobody could give it to anybody
    any more, and everything stored would be lost. Nor may anybody begin an epoch for themself
    alone: all that is written from then on would be theirs, and they the last holder.
    """
    try:
        roster = keeper.chain.verified_with(entry)
        read = read_entry(entry)
    except RosterError:
        raise Refused("the chain does not hold with this entry") from None
    if read.signer_id != signer:
        raise Refused("somebody else signed this entry")
    if read.type is EntryType.EPOCH and not keeper.chain.is_given_to_all(signer):
        raise Refused("not everybody who was given a team key was given the next one")
    if not keeper.chain.keeps_a_holder(roster):
        raise Refused("nobody else holds the team key")
    return roster


async def put_grant(keeper: Keeper, peer: Peer, arguments: Arguments) -> Fields:
    """Keep a team key sealed to a counsellor, of the current epoch or the one about to begin."""
    granter, member, epoch, grant = (
        arguments[0],
        arguments[1],
        number_of(arguments[2]),
        arguments[3],
    )
    async with keeper.chain.changing:
        proof = proven(keeper, peer, Verb.PUT_GRANT, arguments, granter, Role.COUNSELLOR)
        roster = keeper.roster()
        head = roster.epoch.number
        person = roster.people.get(member)
        if person is None or Role.COUNSELLOR not in person.roles or epoch not in (head, head + 1):
            raise Refused("a grant is for a counsellor, of the current team key or the next")
        if not grant.startswith(header(Kind.GRANT)):
            raise Malformed("this is not a grant")
        answer = sealed_answer(proof.reply_key, proof.nonce)
        await keeper.chain.put_grant(
            Grant(member, epoch, granter, person.box_key, epoch > head, grant)
        )
    return (answer,)


# --- what follows -------------------------------------------------------------------------


async def pin_head(keeper: Keeper) -> None:
    """Write the roster's head into the header, if it is not there yet; raises DiskRefused."""
    roster = keeper.roster()
    number, head = roster.number, roster.head
    if (keeper.slots.header.roster_number, keeper.slots.header.roster_head) != (number, head):
        await keeper.slots.write(
            {}, lambda before: replace(before, roster_number=number, roster_head=head)
        )


async def settle(keeper: Keeper) -> None:
    """Bring grants, sign-in slots and newcomers to what the roster says.

    The entry counts already, so a disk that refuses raises an alarm and the next start tries again.
    """
    try:
        await pin_head(keeper)
        await keeper.chain.tidy_grants()
        for newcomer in tuple(keeper.newcomers.all.values()):
            await _settle_newcomer(keeper, newcomer)
        await _free_idle_slots(keeper)
    except (OSError, DiskRefused):
        keeper.alarms.raise_(Alarm.DISK_REFUSED)


async def _settle_newcomer(keeper: Keeper, newcomer: Newcomer) -> None:
    """Make the slot active of whom the roster names; forget who is late or was removed."""
    roster = keeper.roster()
    person, joined = roster.people.get(newcomer.staff_id), newcomer.joined
    if joined is not None and joined.is_named(person):
        await _activate(keeper, newcomer)
        await keeper.newcomers.drop(newcomer.staff_id)
    elif newcomer.until <= keeper.clock.unix() or newcomer.staff_id in roster.removed:
        await keeper.newcomers.drop(newcomer.staff_id)


async def _activate(keeper: Keeper, newcomer: Newcomer) -> None:
    """Let this person sign in with this slot and with no earlier one, in one write."""
    joined = newcomer.joined
    slot = None if joined is None else joined.reference.slot
    if joined is None or slot is None:
        return
    await keeper.slots.quiet(slot)
    record = living(keeper, joined.reference)
    if not isinstance(record, Staff):
        return
    earlier = [
        at
        for at, old in await staff_slots(keeper)
        if old.staff_id == record.staff_id and at != slot
    ]
    for at in earlier:
        await keeper.slots.quiet(at)
    active = replace(record, login_tag=joined.login_tag, is_active=True)
    await keeper.slots.write({slot: active, **dict.fromkeys(earlier)})


async def _free_idle_slots(keeper: Keeper) -> None:
    """Free the slots of whoever was removed, and those that wait for nobody."""
    removed = keeper.roster().removed
    waiting = {
        each.joined.reference.slot
        for each in keeper.newcomers.all.values()
        if each.joined is not None
    }
    for slot, record in await staff_slots(keeper):
        if record.staff_id in removed or not (record.is_active or slot in waiting):
            await keeper.slots.quiet(slot)
            await keeper.slots.write({slot: None})


async def staff_slots(keeper: Keeper) -> list[tuple[int, Staff]]:
    """Every staff record and its slot."""
    return [
        (slot, record)
        async for slot, record in keeper.slots.scan((RecordKind.STAFF,))
        if isinstance(record, Staff)
    ]
