"""Which version of what the organisation says of itself is the newest (docs/keeper.md, 0x06, 0x4C).

Versions stand in the database, signed by admins; whoever writes rows could delete the newest. So
its number and hash are pinned here, in order, by a proof of somebody who is an admin at that
moment. The keeper never sees what a version says.
"""

from __future__ import annotations

from dataclasses import replace

from intake_server.keeper.members import proven
from intake_server.keeper.parts import Keeper
from intake_server.keeper.proofs import sealed_answer
from intake_server.keeper.shared_work import Arguments, Fields
from vault.keeper_protocol import MOST_BEFORE_PINNING, Peer, Refused, Verb, number_of, u32
from vault.roster import Role
from vault.slot_records import NO_HASH


async def details(keeper: Keeper, _peer: Peer, _arguments: Arguments) -> Fields:
    """Number and hash of the newest version; 0 and nothing before the first."""
    header = keeper.slots.header
    digest = b"" if header.details_hash == NO_HASH else header.details_hash
    return u32(header.details_number), digest


async def pin_details(keeper: Keeper, peer: Peer, arguments: Arguments) -> Fields:
    """Pin the version after the newest; the same again is the same."""
    staff_id, number, digest = arguments[0], number_of(arguments[1]), arguments[2]
    async with keeper.chain.changing:
        proof = proven(keeper, peer, Verb.PIN_DETAILS, arguments, staff_id, Role.ADMIN)
        answer = sealed_answer(proof.reply_key, proof.nonce)
        header = keeper.slots.header
        if (number, digest) != (header.details_number, header.details_hash):
            if number < 1 or digest == NO_HASH:
                raise Refused("this is no version")
            # Before anything was pinned there may be versions from before pinning. How many is
            # bounded: after the highest number that fits there would never be another version.
            if not header.details_number and number > MOST_BEFORE_PINNING:
                raise Refused("no hotline has had so many versions")
            if header.details_number and number != header.details_number + 1:
                raise Refused("this does not follow the newest version")
            await keeper.slots.write(
                {},
                lambda before: replace(before, details_number=number, details_hash=digest),
            )
    return (answer,)
