"""Signing in: name, authentication part and second factor, checked here and nowhere else."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Final

from intake_server.keeper.parts import Keeper
from intake_server.keeper.proofs import sealed_answer
from intake_server.keeper.shared_work import Arguments, Fields
from intake_server.keeper.totp import accepted_step
from vault.keeper_protocol import STAFF_WRAP_SIZE, Busy, Peer, Refused, u8
from vault.keeper_requests import SignIn
from vault.sealing import (
    OUTER_OVERHEAD,
    CannotOpen,
    Kind,
    Secret,
    equal,
    labelled_hash,
    mac,
    outer_open,
    reader_of,
)
from vault.slot_index import Key
from vault.slot_records import Staff, minutes_up, seconds_of

_SALT_SIZE: Final = 16
_FREE_TRIES: Final = 5
_LONGEST_LOCK: Final = 60  # minutes
_MOST_FAILURES: Final = 255


async def salt(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """The salt of a name's password; an unknown name has a made-up one that stays the same."""
    _, staff = await _found(keeper, arguments[0])
    made_up = mac(keeper.slots.header.salt_secret, arguments[0])[:_SALT_SIZE]
    return (made_up if staff is None else staff.salt,)


async def sign_in(keeper: Keeper, peer: Peer, arguments: Arguments) -> Fields:
    """Give a person their wrap and grants; whatever is wrong is one answer, and is counted."""
    asked = SignIn.open(keeper.start, arguments[0])
    is_fresh = keeper.nonces.use(peer, asked.nonce)
    slot, found = await _found(keeper, asked.login_tag)
    staff = keeper.made_up.staff if found is None else found
    now = keeper.clock.unix()
    if not is_fresh:
        raise Refused("the nonce is not fresh")
    part_hash = authentication_hash(staff.salt, asked.authentication)
    is_part_right = equal(part_hash, staff.authentication_hash)
    step = accepted_step(staff.totp_secret, asked.totp_code, now, staff.last_step)
    person = keeper.roster().people.get(staff.staff_id)
    locked = seconds_of(staff.locked_until) - now
    if slot is not None and locked > 0:
        # Written as it is: in its work a locked name is like a wrong one.
        await keeper.slots.write({slot: staff})
        raise Busy(locked)
    if slot is None or not is_part_right or step is None:
        await _count_failure(keeper, slot, staff, now)
        raise Refused("name, password or code are not right")
    await keeper.slots.write({slot: replace(staff, last_step=step, failures=0, locked_until=0)})
    if person is None or not staff.is_active:
        raise Refused("this person is no member of the team")
    inner = _opened(staff, arguments[1])
    roles = u8(person.roles)
    grants = keeper.chain.grants_of(staff.staff_id)
    answer = sealed_answer(asked.reply_key, asked.nonce, staff.staff_id, roles, inner, *grants)
    return staff.staff_id, roles, answer


def authentication_hash(salt_of_name: bytes, authentication: Secret) -> bytes:
    """What is kept of the authentication part: a hash with the salt."""
    return labelled_hash("authentication", salt_of_name + authentication.reveal())


def _opened(staff: Staff, wraps: bytes) -> bytes:
    """The inner wrap of the slot that is in use; the others, side by side, open with no key here.

    Raises CannotOpen.
    """
    reader, size = reader_of("staff", staff.staff_id), STAFF_WRAP_SIZE + OUTER_OVERHEAD
    for at in range(len(wraps) - size, -1, -size):
        with contextlib.suppress(CannotOpen):
            outer = wraps[at : at + size]
            return outer_open(staff.s, Kind.STAFF_WRAP, staff.staff_id, reader, outer)
    raise CannotOpen


async def _found(keeper: Keeper, login_tag: bytes) -> tuple[int | None, Staff | None]:
    (slot,) = await keeper.slots.find((Key.LOGIN, login_tag))
    record = None if slot is None else keeper.slots.get(slot)
    return (slot, record) if isinstance(record, Staff) and record.is_active else (None, None)


async def _count_failure(keeper: Keeper, slot: int | None, staff: Staff, now: int) -> None:
    """Five failures lock for a minute, each further one twice as long; raises DiskRefused.

    For an unknown name the header is written anew instead: a synced write as well.
    """
    if slot is None:
        await keeper.slots.write({}, lambda header: replace(header, counter=header.counter + 1))
        return
    failures = min(staff.failures + 1, _MOST_FAILURES)
    locked_until = 0
    if failures >= _FREE_TRIES:
        minutes = min(1 << (failures - _FREE_TRIES), _LONGEST_LOCK)
        locked_until = minutes_up(now + 60 * minutes)
    await keeper.slots.write({slot: replace(staff, failures=failures, locked_until=locked_until)})
