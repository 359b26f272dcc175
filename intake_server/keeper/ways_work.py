"""What a client with a phrase does about messengers, on the page (docs/keeper.md, 0x62-0x64).

Each takes the signature of the phrase's key: web hands it on and can neither make nor read one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from intake_server.keeper.parts import Keeper
from intake_server.keeper.proofs import sealed_answer
from intake_server.keeper.shared_work import (
    Arguments,
    Fields,
    forget,
    keep_known,
    same_channel,
    ways_of,
)
from intake_server.keeper.web_work import Asked, asked_by_client
from vault.keeper_protocol import JOIN_CODE_DIGITS, Peer, Reference, Refused, Verb, number_of
from vault.sealing import Malformed
from vault.slot_records import Address

_MINUTES_A_DAY: Final = 24 * 60
_NO_CODE: Final = b"0" * JOIN_CODE_DIGITS


async def make_code(keeper: Keeper, peer: Peer, arguments: Arguments) -> Fields:
    """A code for the conversation of a phrase, sealed to who proved to have it."""
    asked = await asked_by_client(keeper, peer, Verb.CLIENT_JOIN_CODE, arguments)
    code = _NO_CODE
    if asked.slot is not None:
        reference = Reference(asked.slot, asked.conversation.tag)
        code = keeper.join_codes.new(reference, is_page=True).encode()
    answer = sealed_answer(asked.proof.reply_key, asked.proof.nonce, code)
    await keep_known(keeper, asked.granted(), asked.conversation)
    return (answer,)


async def hours(keeper: Keeper, peer: Peer, arguments: Arguments) -> Fields:
    """Keep when messages may come to the messenger of a channel; equal ends: at any time."""
    begin, end = number_of(arguments[2]), number_of(arguments[3])
    if max(begin, end) >= _MINUTES_A_DAY:
        raise Malformed("safe hours are minutes of the day")
    asked = await asked_by_client(keeper, peer, Verb.CLIENT_HOURS, arguments)
    found = _addresses(keeper, asked, arguments[1])
    await keeper.slots.write({at: replace(one, begin=begin, end=end) for at, one in found.items()})
    return _told(keeper, asked)


async def part(keeper: Keeper, peer: Peer, arguments: Arguments) -> Fields:
    """Forget the addresses of a channel; what was written there stays in the conversation."""
    asked = await asked_by_client(keeper, peer, Verb.CLIENT_PART, arguments)
    await forget(keeper, _addresses(keeper, asked, arguments[1]))
    return _told(keeper, asked)


def _addresses(keeper: Keeper, asked: Asked, channel: bytes) -> dict[int, Address]:
    """By slot; raises Refused where there is none, or where the proof is not good."""
    found = {} if asked.slot is None else same_channel(keeper, asked.slot, number_of(channel))
    if not found:
        raise Refused("this conversation has no address there, or the proof is not good")
    return found


def _told(keeper: Keeper, asked: Asked) -> Fields:
    ways = ways_of(keeper, asked.slot, asked.conversation)
    return (sealed_answer(asked.proof.reply_key, asked.proof.nonce, ways),)
