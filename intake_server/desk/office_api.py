"""The desk's requests about the office, each from the bytes of its body to its answer.

Details are public; who may change them is an admin, and the browser signs them. `routes` says who
may ask.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

import msgspec

from intake_server.desk import office_bodies as bodies
from intake_server.desk.api import Answer, read
from intake_server.desk.bodies import Nothing, to_text
from intake_server.desk.countries import Country
from intake_server.desk.members import Member
from intake_server.desk.office_work import OfficeWork
from intake_server.desk.page import client_page_url
from intake_server.organisation import PRESETS, About, is_reachable
from intake_server.process import has_own_policy
from intake_server.readiness import may_open, readiness
from vault.organisation import Saved

_PAGE: Final = (
    "organisation",
    "responsible",
    "data_contact",
    "complain",
    "must_tell",
    "limits",
    "emergency_number",
    "time_zone",
    "hours",
    "signposts",
)


class OfficeApi:
    """One method for each request."""

    def __init__(self, work: OfficeWork, countries: tuple[Country, ...]) -> None:
        self._work = work
        self._countries = countries

    async def ready(self, member: Member, raw: bytes) -> Answer:
        """The readiness list, and whether new people can write."""
        read(raw, Nothing)
        facts = await self._work.facts(member.known)
        about = await self._work.about(member.known)
        return {
            "lines": [asdict(line) for line in readiness(facts)],
            "open": may_open(facts),
            "mode": about.mode,
            "chosen": about.details is not None,
            "reachable": is_reachable(self._work.settings),
            "client_page_url": client_page_url(self._work.settings),
        }

    async def details(self, member: Member, raw: bytes) -> Answer:
        """What holds, what may be chosen, and who changed it before."""
        read(raw, Nothing)
        about = await self._work.about(member.known)
        pin, versions = await self._work.versions(member.known)
        settings = self._work.settings
        return {
            "number": pin.number or max((one.number for one in versions), default=0),
            "pinned": to_text(pin.digest),
            "missing": about.is_missing,
            "details": _shown(about),
            "reachable": is_reachable(settings),
            "own_policy": has_own_policy(settings),
            "presets": {
                name: {
                    "inactivity_hours": promise.inactivity_hours,
                    "absolute_hours": promise.absolute_hours,
                }
                for name, promise in PRESETS.items()
            },
            "promise": asdict(about.promise),
            "countries": [msgspec.to_builtins(one) for one in self._countries],
            "versions": [_version(one) for one in versions],
        }

    async def save(self, member: Member, raw: bytes) -> Answer:
        """Keep the next version of the details."""
        asked = read(raw, bodies.Save)
        answer = await self._work.save(member.staff_id, member.known, asked)
        return {"number": asked.number, "answer": to_text(answer)}

    async def copy(self, member: Member, raw: bytes) -> Answer:
        """What every backup made now holds of a conversation."""
        asked = read(raw, bodies.CopyOf)
        copy = await self._work.copy(member.staff_id, asked.conversation)
        return {
            "reference": to_text(copy.reference.packed),
            "epoch": copy.epoch,
            "outer": to_text(copy.outer),
            "messages": [
                {"number": one.number, "kind": one.kind, "envelope": to_text(one.envelope)}
                for one in copy.messages
            ],
        }

    async def open_copy(self, member: Member, raw: bytes) -> Answer:
        """The keeper's sealed answer to such a copy."""
        asked = read(raw, bodies.CopyOpen)
        return {"answer": to_text(await self._work.open_copy(member.staff_id, asked))}


def _shown(about: About) -> Answer:
    """What holds of the page, and what an admin has decided besides."""
    page = msgspec.to_builtins(about.page)
    shown: Answer = {name: page[name] for name in _PAGE}
    details = about.details
    shown["mode"] = about.mode
    shown["country"] = "" if details is None else details.country
    shown["languages"] = [] if details is None else list(details.languages)
    shown["signposts_checked"] = 0 if details is None else details.signposts_checked
    shown["retention"] = None if details is None else details.retention
    shown["backup_tried"] = 0 if details is None else details.backup_tried
    shown["wrote_to_self"] = 0 if details is None else details.wrote_to_self
    return shown


def _version(saved: Saved) -> Answer:
    return {
        "number": saved.number,
        "signer": to_text(saved.signer),
        "body": to_text(saved.body),
        "signature": to_text(saved.signature),
    }
