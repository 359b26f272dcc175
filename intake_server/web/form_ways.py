"""Messengers for browsers that run no code: what a form asks about them, done for one request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from intake_server.web.form_client import FormClient
from intake_server.web.form_fields import Fields
from intake_server.web.form_pages import FormPages
from intake_server.web.ways_pages import MESSENGERS
from intake_server.web.ways_work import WaysWork
from intake_server.web.work import MalformedRequest
from triage.safe_hours import SafeHours, read_hours
from vault.keeper_protocol import Verb, u8, u16
from vault.keeper_requests import Proof, open_answer
from vault.phrase import Phrase
from vault.sealing import new_box_keys
from vault.ways import NUMBERS


@dataclass(frozen=True, slots=True)
class Told:
    """What is said over the messages, and what to write in the messenger."""

    notice: str
    code: str = field(default="", repr=False)


class NotHours(Exception):
    """The times in the form name no hours."""


@dataclass(frozen=True, slots=True)
class FormWays:
    """What is asked, and what to say of it."""

    client: FormClient
    work: WaysWork

    async def answer(self, phrase: Phrase, fields: Fields, pages: FormPages) -> Told:
        """Do what the form says, and tell it.

        Raises NotHours, CannotOpen, Refused, MalformedRequest, Unavailable.
        """
        step = _STEPS[fields.do]
        return await step(self, phrase, fields, pages)

    async def code(self, phrase: Phrase, _fields: Fields, pages: FormPages) -> Told:
        """Make a code; it is said once, on the page that answers."""
        ask = self.work.code
        code = await self._asked(phrase, Verb.CLIENT_JOIN_CODE, (), ask)
        shown = code.decode()
        return Told(pages.t("j04.code"), f"/join {shown[:5]} {shown[5:]}")

    async def hours(self, phrase: Phrase, fields: Fields, pages: FormPages) -> Told:
        """Choose when messages come to one messenger."""
        hours = read_hours(f"{fields.begin}-{fields.end}")
        if hours is None:
            raise NotHours
        await self._choose(phrase, fields, hours)
        zone = pages.site.hours_city(pages.language)
        return Told(pages.t("j07.hours_set", hours=str(hours), zone=zone))

    async def anytime(self, phrase: Phrase, fields: Fields, pages: FormPages) -> Told:
        """Have messages come at any time again."""
        await self._choose(phrase, fields, None)
        return Told(pages.t("j07.way_hours_off"))

    async def part(self, phrase: Phrase, fields: Fields, pages: FormPages) -> Told:
        """End one messenger."""
        channel = _channel(fields)

        async def ask(tag: bytes, proof: Proof) -> bytes:
            return await self.work.part(tag, channel, proof)

        await self._asked(phrase, Verb.CLIENT_PART, (u8(channel),), ask)
        return Told(pages.t("j08.ended", messenger=MESSENGERS[fields.channel]))

    async def _choose(self, phrase: Phrase, fields: Fields, hours: SafeHours | None) -> None:
        channel = _channel(fields)
        begin, end = (0, 0) if hours is None else (hours.begin, hours.end)

        async def ask(tag: bytes, proof: Proof) -> bytes:
            return await self.work.hours(tag, channel, begin, end, proof)

        signed = (u8(channel), u16(begin), u16(end))
        await self._asked(phrase, Verb.CLIENT_HOURS, signed, ask)

    async def _asked(
        self,
        phrase: Phrase,
        verb: Verb,
        signed: tuple[bytes, ...],
        ask: Callable[[bytes, Proof], Awaitable[bytes]],
    ) -> bytes:
        """The keeper's own answer, sealed to this request."""
        reply = new_box_keys()
        tag, proof = await self.client.prove(phrase, verb, signed, reply)
        return open_answer(reply, proof.nonce, await ask(tag, proof))[0]


def _channel(fields: Fields) -> int:
    if fields.channel not in MESSENGERS:
        raise MalformedRequest
    return NUMBERS[fields.channel]


_STEPS: Final = {
    "code": FormWays.code,
    "hours": FormWays.hours,
    "anytime": FormWays.anytime,
    "part": FormWays.part,
}
STEPS: Final = frozenset(_STEPS)
"""What a form says in `do` about messengers."""
