"""The desk's requests, each from the bytes of its body to its answer.

JSON in and out; what is sealed or random is base64url without padding. Everything that could be
read or forged was sealed and signed in the browser: here shapes are checked and steps are called.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from intake_server.desk import bodies
from intake_server.desk.bodies import read_body, to_text, to_text_or_none
from intake_server.desk.members import Member, Members
from intake_server.desk.pace import Pace
from intake_server.desk.refusals import MalformedRequest, TooBusy, calm
from intake_server.desk.steps import Queue
from intake_server.desk.work import Work
from intake_server.roster_view import Known
from vault.addresses import Reach
from vault.conversations import Claim, QueueRow
from vault.keeper_client import DeskKeeper
from vault.keeper_protocol import Reference
from vault.messages import StoredMessage
from vault.outbox import Standing
from vault.queue_head import Head
from vault.sealing import Malformed

Answer = dict[str, object]


@dataclass(frozen=True, slots=True)
class Desk:
    """What the requests tell of this desk.

    Where clients write, whether they are screened, and the channels over which attachments go.
    """

    client_page_url: str
    screening: str
    attachments: tuple[str, ...] = ()


class Api:
    """One method for each request; `routes` says who may make it."""

    def __init__(
        self, work: Work, keeper: DeskKeeper, members: Members, strangers: Pace, desk: Desk
    ) -> None:
        self._work = work
        self._keeper = keeper
        self._members = members
        self._strangers = strangers
        self._desk = desk

    # --- strangers ------------------------------------------------------------------------

    async def hello(self, raw: bytes) -> Answer:
        """What a browser needs before anybody has signed in."""
        read(raw, bodies.Nothing)
        with calm():
            hello = await self._keeper.hello()
        entries = () if hello.root is None else (await self._members.roster()).entries
        return {
            "start_key": to_text(hello.start_key),
            "fingerprint": to_text_or_none(hello.root),
            "setup_needed": hello.root is None,
            "roster": [to_text(entry) for entry in entries],
            "client_page_url": self._desk.client_page_url,
        }

    async def set_up_keys(self, raw: bytes) -> Answer:
        """The keys that the first roster entry names, under the set-up token."""
        read(raw, bodies.Nothing)
        with calm():
            keys = await self._keeper.set_up_keys()
        return {
            "courier_box": to_text(keys.courier_box_key),
            "courier_sign": to_text(keys.courier_sign_key),
            "caretaker_sign": to_text(keys.caretaker_sign_key),
            "start_key": to_text(keys.start_key),
            "mac": to_text(keys.mac),
        }

    async def set_up(self, raw: bytes) -> Answer:
        """The first person."""
        asked = read(raw, bodies.SetUp)
        return {"fingerprint": to_text(await self._work.set_up(asked.request, asked.mac))}

    async def salt(self, raw: bytes) -> Answer:
        """The salt of a name's password, whether or not there is such a name."""
        asked = read(raw, bodies.Salt)
        with calm():
            return {"salt": to_text(await self._keeper.sign_in_salt(asked.tag))}

    async def sign_in(self, raw: bytes) -> Answer:
        """Begin a session."""
        asked = read(raw, bodies.SignIn)
        signed_in = await self._work.sign_in(asked.tag, asked.request)
        with calm():
            start_key = (await self._keeper.hello()).start_key
        token, known = await self._members.begin(signed_in.staff_id)
        return {
            "session": to_text(token),
            "staff": to_text(signed_in.staff_id),
            "roles": int(known.roster.people[signed_in.staff_id].roles),
            "answer": to_text(signed_in.answer),
            "roster": [to_text(entry) for entry in known.entries],
            "start_key": to_text(start_key),
        }

    async def nonce(self, member: Member | None, raw: bytes) -> Answer:
        """A number for one proof, or for signing in: strangers cannot use up everybody's."""
        read(raw, bodies.Nothing)
        if member is None and not self._strangers.take():
            raise TooBusy(1)
        with calm():
            nonce = await self._keeper.nonce()
            start_key = (await self._keeper.hello()).start_key
        return {"nonce": to_text(nonce), "start_key": to_text(start_key)}

    # --- members --------------------------------------------------------------------------

    async def sign_out(self, member: Member, raw: bytes) -> Answer:
        """End the session."""
        read(raw, bodies.Nothing)
        self._members.end(member.session)
        return {}

    async def queue(self, member: Member, raw: bytes) -> Answer:
        """Who is there: everybody, the first of them, a page of them, or those that are named."""
        asked = read(raw, bodies.Queue)
        found = await self._queue(member, asked)
        return _counts(found.head) | {
            "rows": [_row(row) for row in found.rows],
            "number": found.number,
            "staff": _shown_names(member.known),
            "screening": self._desk.screening,
            "attachments": self._desk.attachments,
        }

    async def _queue(self, member: Member, asked: bodies.Queue) -> Queue:
        if asked.first is not None:
            return await self._work.queue_head(member.staff_id, asked.first)
        if asked.after is not None:
            return await self._work.queue_page(asked.after)
        return await self._work.queue(asked.conversations)

    async def claim(self, member: Member, raw: bytes) -> Answer:
        """Claim a conversation."""
        asked = read(raw, bodies.Of)
        people = member.known.roster.people.keys()
        return _claim(await self._work.claim(member.staff_id, asked.conversation, people))

    async def release(self, member: Member, raw: bytes) -> Answer:
        """Give a conversation back."""
        asked = read(raw, bodies.Of)
        return _claim(await self._work.release(member.staff_id, asked.conversation))

    async def open(self, member: Member, raw: bytes) -> Answer:
        """Open a conversation."""
        opened = await self._work.open(member.staff_id, read(raw, bodies.Open))
        found = opened.contents
        return {
            "answer": to_text(opened.answer),
            "messages": [_message(one) for one in found.messages],
            "draft": to_text_or_none(found.draft),
            "outbox": [_standing(one) for one in found.outbox],
            "reaches": [_reach(one) for one in found.reaches],
            "holder": to_text_or_none(found.row.holder),
            "due": found.row.due,
        }

    async def ways(self, member: Member, raw: bytes) -> Answer:
        """The messengers of a conversation that was opened before."""
        asked = read(raw, bodies.Ways)
        return {"answer": to_text(await self._work.ways(member.staff_id, asked))}

    async def messages(self, member: Member, raw: bytes) -> Answer:
        """What is new in a conversation, and what became of its replies."""
        asked = read(raw, bodies.MessagesAfter)
        found = await self._work.contents(member.staff_id, asked.conversation, asked.after)
        return {
            "messages": [_message(one) for one in found.messages],
            "outbox": [_standing(one) for one in found.outbox],
            "reaches": [_reach(one) for one in found.reaches],
        }

    async def reply(self, member: Member, raw: bytes) -> Answer:
        """Store a reply."""
        asked = read(raw, bodies.Reply)
        epoch = member.known.roster.epoch.number
        stored = await self._work.reply(member.staff_id, asked, epoch)
        return {"number": stored.number, "due": stored.due}

    async def note(self, _member: Member, raw: bytes) -> Answer:
        """Store a note."""
        return {"number": await self._work.note(read(raw, bodies.Note))}

    async def draft(self, member: Member, raw: bytes) -> Answer:
        """Keep a draft, or drop it."""
        asked = read(raw, bodies.Draft)
        await self._work.keep_draft(member.staff_id, asked.conversation, asked.envelope)
        return {}

    async def urgency(self, _member: Member, raw: bytes) -> Answer:
        """Set the urgency by hand."""
        asked = read(raw, bodies.Urgency)
        await self._work.set_urgency(asked.conversation, asked.urgency, asked.seen)
        return {}

    async def close(self, member: Member, raw: bytes) -> Answer:
        """Close a conversation."""
        return {"due": await self._work.close(member.staff_id, read(raw, bodies.Close))}


def read(raw: bytes, kind: type[bodies.B]) -> bodies.B:
    """The body of a request; raises MalformedRequest."""
    try:
        return read_body(raw, kind)
    except Malformed:
        raise MalformedRequest from None


def _shown_names(known: Known) -> Mapping[str, str]:
    return {to_text(each): person.shown_name for each, person in known.roster.people.items()}


def _claim(claim: Claim) -> Answer:
    return {"won": claim.won, "holder": to_text_or_none(claim.holder)}


def _counts(head: Head | None) -> Answer:
    """The numbers that come with the head of the queue."""
    if head is None:
        return {}
    waiting = [[each.urgency, each.count, each.since] for each in head.waiting]
    return {"counts": {"open": head.open, "queue": head.queue, "waiting": waiting}}


def _row(row: QueueRow) -> Answer:
    return {
        "conversation": to_text(row.id),
        "reference": to_text(Reference(row.slot, row.tag).packed),
        "channel": row.channel,
        "language": row.language,
        "urgency": row.urgency,
        "urgency_by": row.urgency_by,
        "state": row.state.value,
        "holder": to_text_or_none(row.holder),
        "waiting_since": row.waiting_since,
        "created": row.created,
        "due": row.due,
        "epoch": row.epoch,
        "outbox": row.outbox,
    }


def _message(message: StoredMessage) -> Answer:
    return {
        "number": message.number,
        "kind": message.kind,
        "direction": message.direction,
        "envelope": to_text(message.envelope),
        "hour": message.hour,
    }


def _reach(reach: Reach) -> Answer:
    return {"channel": reach.channel, "until": reach.until}


def _standing(standing: Standing) -> Answer:
    return {
        "message": to_text(standing.message),
        "state": standing.state,
        "reason": standing.reason,
        "again": standing.again,
    }
