"""Whether a member of the team has asked for this very thing."""

from __future__ import annotations

from typing import Final

from intake_server.keeper.parts import Keeper
from intake_server.keeper.shared_work import Arguments
from vault.keeper_protocol import PROOF, Peer, Refused, Verb
from vault.keeper_requests import Proof, is_proof_of
from vault.roster import Role

ANYBODY: Final = Role(0)


def proven(
    keeper: Keeper, peer: Peer, verb: Verb, arguments: Arguments, staff_id: bytes, role: Role
) -> Proof:
    """The proof of a member with one of these roles, for this very request; raises Refused."""
    proof = Proof.of(arguments)
    is_fresh = keeper.nonces.use(peer, proof.nonce)
    person = keeper.roster().people.get(staff_id)
    key = keeper.made_up.sign_key if person is None else person.sign_key
    is_proven = is_proof_of(key, verb, arguments[: -len(PROOF)], proof)
    if person is None or not (is_fresh and is_proven):
        raise Refused("the proof is not good")
    if role and not role & person.roles:
        raise Refused("this needs another role")
    return proof
