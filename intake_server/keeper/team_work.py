"""Inviting, joining, and what the team may know of it (docs/keeper.md, 0x80-0x85).

Joining stores a slot that cannot sign in. What lets somebody in is a roster entry with the same
keys (`roster_work`), signed by an admin who has heard them read their words.
"""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import Final

from intake_server.keeper.alarms import Alarm
from intake_server.keeper.members import ANYBODY, proven
from intake_server.keeper.newcomers import (
    INVITATION_LIFE,
    MOST,
    WAITING_LIFE,
    Joining,
    Newcomer,
)
from intake_server.keeper.parts import Keeper
from intake_server.keeper.proofs import sealed_answer
from intake_server.keeper.roster_work import settle, staff_slots
from intake_server.keeper.shared_work import Arguments, Fields, living
from intake_server.keeper.sign_in_work import authentication_hash
from intake_server.keeper.totp import accepted_step
from vault.keeper_protocol import PROOF, Peer, Reference, Refused, Verb, u8, u32, u64
from vault.keeper_requests import Join, Proof, is_proof_of
from vault.roster import RECOVERY_NAME, ROOT_SIGNER, Role
from vault.sealing import (
    KEY_SIZE,
    TAG_SIZE,
    Kind,
    Malformed,
    Secret,
    outer_seal,
    pack,
    random_bytes,
    reader_of,
)
from vault.slot_records import RecordKind, Staff

_INVITING: Final = Role.ADMIN | Role.SUPERVISOR
_MEETING: Final = Role.ADMIN | Role.SUPERVISOR | Role.COUNSELLOR
_ALL_ROLES: Final = Role.COUNSELLOR | Role.SUPERVISOR | Role.ADMIN | Role.AUDITOR
_WAITS: Final = u8(0)
_TAKEN: Final = u8(1)
_OTHER_NAME: Final = u8(2)
_TURNING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


async def invite(keeper: Keeper, peer: Peer, arguments: Arguments) -> Fields:
    """Let whoever has the other half of a key join under this id."""
    inviter, staff_id, roles, key = arguments[0], arguments[1], arguments[2][0], arguments[3]
    async with keeper.chain.changing:
        proof = proven(keeper, peer, Verb.INVITE, arguments, inviter, _INVITING)
        answer = sealed_answer(proof.reply_key, proof.nonce)
        if not 0 < roles <= _ALL_ROLES or staff_id == ROOT_SIGNER:
            raise Malformed("an invitation is for an id and known roles")
        if staff_id in keeper.roster().removed:
            raise Refused("a removed person's id is never used again")
        await settle(keeper)
        known = keeper.newcomers.all.get(staff_id)
        if known is None or known.key != key:
            if known is None and len(keeper.newcomers.all) >= MOST:
                raise Refused("there are too many invitations; withdraw one")
            until = keeper.clock.unix() + INVITATION_LIFE
            known = Newcomer(staff_id, Role(roles), until, inviter, key, None)
            await keeper.newcomers.put(known)
            await settle(keeper)
    return u64(known.until), answer


async def invitation(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """Whom a key's invitation is for."""
    found = _living(keeper, arguments[0])
    return found.staff_id, u8(found.roles), u64(found.until), u8(found.joined is not None)


async def join(keeper: Keeper, peer: Peer, arguments: Arguments) -> Fields:
    """Store a newcomer's keys and sign-in, once; the slot is not active."""
    key, request = arguments[0], arguments[1]
    proof = Proof.of(arguments)
    is_fresh = keeper.nonces.use(peer, proof.nonce)
    if not (is_fresh and is_proof_of(key, Verb.JOIN, arguments[: -len(PROOF)], proof)):
        raise Refused("the proof is not good")
    asked = Join.open(keeper.start, request)
    _check_name(asked.shown_name)
    async with keeper.chain.changing:
        newcomer = _living(keeper, key)
        if newcomer.joined is not None:
            staff = _same(keeper, newcomer.joined, asked)
        elif (
            standing := await _name_trouble(keeper, asked.login_tag, newcomer.staff_id)
        ) != _WAITS:
            return standing, newcomer.staff_id, asked.login_tag, b""
        else:
            staff = await _store(keeper, newcomer, asked)
    reader = reader_of("staff", staff.staff_id)
    outer = outer_seal(staff.s, Kind.STAFF_WRAP, staff.staff_id, reader, asked.staff_wrap)
    return _WAITS, staff.staff_id, asked.login_tag, outer


async def team(keeper: Keeper, peer: Peer, arguments: Arguments) -> Fields:
    """Who is invited, who waits, and who holds which team key."""
    proof = proven(keeper, peer, Verb.TEAM, arguments, arguments[0], _MEETING)
    now = keeper.clock.unix()
    newcomers = pack(*(_told(each) for each in keeper.newcomers.all.values() if each.until > now))
    holders = b"".join(who + u32(epoch) for who, epoch in keeper.chain.holders().items())
    return (sealed_answer(proof.reply_key, proof.nonce, newcomers, holders),)


async def withdraw(keeper: Keeper, peer: Peer, arguments: Arguments) -> Fields:
    """End an invitation; what its newcomer stored is freed."""
    async with keeper.chain.changing:
        proof = proven(keeper, peer, Verb.WITHDRAW, arguments, arguments[0], _INVITING)
        answer = sealed_answer(proof.reply_key, proof.nonce)
        await keeper.newcomers.drop(arguments[1])
        await settle(keeper)
    return (answer,)


async def own_grants(keeper: Keeper, peer: Peer, arguments: Arguments) -> Fields:
    """A member's own grants: a new epoch has begun since they signed in."""
    proof = proven(keeper, peer, Verb.OWN_GRANTS, arguments, arguments[0], ANYBODY)
    return (sealed_answer(proof.reply_key, proof.nonce, *keeper.chain.grants_of(arguments[0])),)


async def recover(keeper: Keeper, peer: Peer, arguments: Arguments) -> Fields:
    """Grants for whoever holds the recovery shares; nobody else comes in by keys alone."""
    proof = proven(keeper, peer, Verb.RECOVER, arguments, arguments[0], ANYBODY)
    person = keeper.roster().people[arguments[0]]
    if person.name != RECOVERY_NAME:
        raise Refused("only the recovery key comes in without a password")
    keeper.alarms.raise_(Alarm.RECOVERY_USED)
    roles = u8(person.roles)
    grants = keeper.chain.grants_of(arguments[0])
    return roles, sealed_answer(proof.reply_key, proof.nonce, roles, *grants)


# --- parts --------------------------------------------------------------------------------


def _living(keeper: Keeper, key: bytes) -> Newcomer:
    """The invitation of this key; raises Refused."""
    found = keeper.newcomers.with_key(key, keeper.clock.unix())
    if found is None or found.staff_id in keeper.roster().removed:
        raise Refused("there is no such invitation, or it is too old")
    return found


def _check_name(name: str) -> None:
    """A name stands beside others on the desk: nothing in it may hide or turn what follows."""
    hides = any(unicodedata.category(sign) == "Cc" or sign in _TURNING for sign in name)
    if hides or name != name.strip():
        raise Malformed("a name has no control signs and no space at its ends")


def _same(keeper: Keeper, joined: Joining, asked: Join) -> Staff:
    """The slot that an equal request made; raises Refused for any difference."""
    staff = living(keeper, joined.reference)
    mine = (joined.shown_name, joined.box_key, joined.sign_key, joined.login_tag)
    theirs = (asked.shown_name, asked.box_key, asked.sign_key, asked.login_tag)
    if (
        isinstance(staff, Staff)
        and mine == theirs
        and staff.authentication_hash == authentication_hash(asked.salt, asked.authentication)
        and staff.totp_secret == asked.totp_secret
    ):
        return staff
    raise Refused("this invitation was used")


async def _name_trouble(keeper: Keeper, login_tag: bytes, staff_id: bytes) -> bytes:
    """Whether somebody else has this name, or a member who signs in with another one asks."""
    names = {
        record.staff_id: record.login_tag
        for _, record in await staff_slots(keeper)
        if record.is_active
    }
    own = names.pop(staff_id, login_tag)
    if login_tag in names.values() or keeper.newcomers.has_login(login_tag, staff_id):
        return _TAKEN
    return _WAITS if own == login_tag else _OTHER_NAME


async def _store(keeper: Keeper, newcomer: Newcomer, asked: Join) -> Staff:
    """Write slot and newcomer; raises Refused for a wrong code, NoRoom, DiskRefused, OSError."""
    now = keeper.clock.unix()
    step = accepted_step(asked.totp_secret, asked.totp_code, now, 0)
    if step is None:
        raise Refused("the second factor's code is not right")
    staff = Staff(
        tag=random_bytes(TAG_SIZE),
        staff_id=newcomer.staff_id,
        s=Secret(random_bytes(KEY_SIZE)),
        login_tag=random_bytes(TAG_SIZE),  # a made-up one: who waits stands in nobody's way
        salt=asked.salt,
        authentication_hash=authentication_hash(asked.salt, asked.authentication),
        totp_secret=asked.totp_secret,
        last_step=step,
    )
    (slot,) = keeper.slots.take(RecordKind.STAFF)
    await keeper.slots.write({slot: staff})
    joined = Joining(
        asked.shown_name, asked.box_key, asked.sign_key, asked.login_tag, Reference(slot, staff.tag)
    )
    await keeper.newcomers.put(replace(newcomer, joined=joined, until=now + WAITING_LIFE))
    return staff


def _told(newcomer: Newcomer) -> bytes:
    """A newcomer as the team is told."""
    joined = newcomer.joined
    keys = (
        b"" if joined is None else pack(joined.shown_name.encode(), joined.box_key, joined.sign_key)
    )
    return pack(
        newcomer.staff_id, u8(newcomer.roles), u64(newcomer.until), newcomer.inviter_id, keys
    )
