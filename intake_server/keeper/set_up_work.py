"""Setting up: the first person, roster and root, in one request that may be repeated.

`pin` writes roster, grant and staff slot and pins the root in the header last, so that a set-up
that stops anywhere before leaves no root and starts over with a new link.
"""

from __future__ import annotations

from dataclasses import replace

from intake_server.keeper.parts import Keeper
from intake_server.keeper.set_up_state import TOKEN_LIFE, Prepared
from intake_server.keeper.shared_work import Arguments, Fields
from intake_server.keeper.sign_in_work import authentication_hash
from intake_server.keeper.totp import accepted_step
from vault.keeper_protocol import TOKEN_SIZE, Busy, Peer, Refused, u64
from vault.keeper_requests import SetUp, set_up_mac
from vault.roster import Role, Roster, RosterError, verify_chain
from vault.sealing import (
    KEY_SIZE,
    TAG_SIZE,
    Kind,
    Secret,
    equal,
    labelled_hash,
    mac,
    outer_seal,
    pack,
    random_bytes,
    reader_of,
)
from vault.slot_records import RecordKind, Staff

_FIRST_PERSON = Role.COUNSELLOR | Role.ADMIN


async def token(keeper: Keeper, _peer: Peer, _arguments: Arguments) -> Fields:
    """A new set-up token, while there is no root; ends the one before and frees its slot."""
    async with keeper.set_up.changing:
        if keeper.slots.header.has_root:
            raise Refused("this hotline has been set up already")
        keeper.set_up.prepared = None
        await free_staff(keeper)
        made = Secret(random_bytes(TOKEN_SIZE))
        keeper.set_up.token = made
        keeper.set_up.token_ends = keeper.clock.monotonic() + TOKEN_LIFE
    return made.reveal(), u64(keeper.clock.unix() + TOKEN_LIFE)


async def free_staff(keeper: Keeper) -> None:
    """Free every staff slot of set-ups that were never pinned; raises DiskRefused."""
    found = [slot async for slot, _ in keeper.slots.scan((RecordKind.STAFF,))]
    for slot in found:
        await keeper.slots.quiet(slot)
    await keeper.slots.write(dict.fromkeys(found))


async def keys(keeper: Keeper, _peer: Peer, _arguments: Arguments) -> Fields:
    """The keys that the first roster entry names, under the token that only the operator saw."""
    made = keeper.set_up.living_token(keeper.clock.monotonic())
    if made is None or keeper.slots.header.has_root:
        raise Refused("there is no set-up link that is still good; make a new one")
    courier, caretaker = keeper.seen.courier_keys, keeper.seen.caretaker_key
    if courier is None or caretaker is None:
        raise Busy(1)  # they announce their keys when they have started
    fields = (*courier, caretaker, keeper.start.public)
    return *fields, mac(made, pack(*fields))


async def prepare(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """Check everything and write a staff slot that cannot sign in yet."""
    request_hash = _hash_of(arguments)
    async with keeper.set_up.changing:
        prepared = keeper.set_up.prepared
        if prepared is None or prepared.request_hash != request_hash:
            if keeper.slots.header.has_root:
                return await _prepared_before(keeper, request_hash)
            prepared = await _prepare(keeper, arguments, request_hash)
            keeper.set_up.prepared = prepared
    return prepared.staff_id, prepared.login_tag, prepared.outer_wrap


async def pin(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """Make the prepared set-up count: roster, grant, staff slot, and the root last."""
    request_hash = _hash_of(arguments)
    async with keeper.set_up.changing:
        header = keeper.slots.header
        if header.has_root:
            if equal(header.setup_hash, request_hash):
                return (header.root,)
            raise Refused("this hotline has been set up already")
        prepared = keeper.set_up.prepared
        if prepared is None or prepared.request_hash != request_hash:
            raise Refused("this set-up was not prepared; make a new link")
        await _pin(keeper, prepared)
    return (prepared.root,)


async def _pin(keeper: Keeper, prepared: Prepared) -> None:
    await keeper.chain.found(prepared.founding_entry, prepared.grant)
    await keeper.slots.quiet(prepared.slot)
    staff = keeper.slots.get(prepared.slot)
    if not isinstance(staff, Staff):
        raise Refused("the prepared slot is gone; make a new link")
    await keeper.slots.write({prepared.slot: replace(staff, is_active=True)})
    head = verify_chain((prepared.founding_entry,)).head
    await keeper.slots.write(
        {},
        lambda before: replace(
            before,
            root=prepared.root,
            setup_hash=prepared.request_hash,
            roster_number=1,
            roster_head=head,
        ),
    )
    keeper.chain.load(prepared.root, 1, head)
    keeper.set_up.token = None
    keeper.log.info("root_pinned")


async def _prepare(keeper: Keeper, arguments: Arguments, request_hash: bytes) -> Prepared:
    request, request_mac = arguments
    made = keeper.set_up.living_token(keeper.clock.monotonic())
    if made is None or not equal(set_up_mac(made, request), request_mac):
        raise Refused("this set-up link is not good any more; make a new one")
    asked = SetUp.open(keeper.start, request)
    roster = _checked_roster(keeper, asked)
    step = accepted_step(asked.totp_secret, asked.totp_code, keeper.clock.unix(), 0)
    if step is None:
        raise Refused("the second factor's code is not right")
    staff = Staff(
        tag=random_bytes(TAG_SIZE),
        staff_id=roster.founding.person.staff_id,
        s=Secret(random_bytes(KEY_SIZE)),
        login_tag=asked.login_tag,
        salt=asked.salt,
        authentication_hash=authentication_hash(asked.salt, asked.authentication),
        totp_secret=asked.totp_secret,
        last_step=step,
    )
    keeper.set_up.prepared = None
    await free_staff(keeper)
    (slot,) = keeper.slots.take(RecordKind.STAFF)
    await keeper.slots.write({slot: staff})
    reader = reader_of("staff", staff.staff_id)
    return Prepared(
        request_hash=request_hash,
        slot=slot,
        staff_id=staff.staff_id,
        login_tag=staff.login_tag,
        outer_wrap=outer_seal(staff.s, Kind.STAFF_WRAP, staff.staff_id, reader, asked.staff_wrap),
        founding_entry=asked.founding_entry,
        grant=asked.grant,
        root=roster.fingerprint,
    )


def _checked_roster(keeper: Keeper, asked: SetUp) -> Roster:
    """What the founding entry says, if it names the running processes; raises Refused."""
    try:
        roster = verify_chain((asked.founding_entry,))
    except RosterError:
        raise Refused("the founding entry does not hold") from None
    founding = roster.founding
    courier = (founding.courier_box_key, founding.courier_sign_key)
    if courier != keeper.seen.courier_keys:
        raise Refused("the founding entry names another courier")
    if founding.caretaker_sign_key != keeper.seen.caretaker_key:
        raise Refused("the founding entry names another caretaker")
    if _FIRST_PERSON not in founding.person.roles:
        raise Refused("the first person is counsellor and admin")
    return roster


async def _prepared_before(keeper: Keeper, request_hash: bytes) -> Fields:
    """The answer to the pinned request after a restart of the keeper.

    The wrap comes empty: the desk stored it before it pinned, and the request opens no more.
    """
    if equal(keeper.slots.header.setup_hash, request_hash):
        first = keeper.roster().founding.person.staff_id
        async for _, record in keeper.slots.scan((RecordKind.STAFF,)):
            if isinstance(record, Staff) and record.staff_id == first:
                return first, record.login_tag, b""
    raise Refused("this hotline has been set up already")


def _hash_of(arguments: Arguments) -> bytes:
    return labelled_hash("setup", b"".join(arguments))
