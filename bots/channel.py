"""What every channel is: the one protocol between a messenger network and the courier.

Theory of operation
-------------------
1.  A channel carries text between the hotline's own account on one network and addresses there.
    It knows no conversation, no key and no database; an address is a text that only this channel
    understands and that is enough to answer (Delta Chat: account and chat; Matrix: room and
    person; Signal: the account's uuid).
2.  Arriving: `start` is handed a handler. The channel awaits it for each message and only then
    acknowledges the message to its network and deletes its own copies. Where the network cannot
    keep a message, the channel does, until the handler has returned.
3.  The handler raises `ChannelUnavailable` when it could not store the message: the channel keeps
    it and hands it over again, with growing pauses. It may therefore hand over the same message
    twice, always with the same transport id; the handler drops repeats.
4.  Messages of one address are handed over one after the other, in the order of their sending as
    far as the network tells it; those of different addresses may overlap.
5.  What is not a message to the hotline never reaches the handler: groups, unencrypted messages,
    receipts, typing, reactions, calls, the account's own messages from elsewhere. An edited
    message arrives again as a message of its own. Names and pictures of profiles are dropped.
6.  Sending: `send` returns when the network has taken the message. `ChannelUnavailable` means
    that it was not taken, will not be taken later, and may be tried again; `ChannelUncertain` that
    nobody knows; `ChannelRefused` that trying again is useless. Where the network knows names for
    messages, the message id makes it so that the same id sent twice arrives once.
7.  A channel shows nothing of the staff: no typing, no receipts, no presence.
8.  Neither texts nor addresses stand in exceptions, logs or `repr`.
9.  An address is made of what the network keeps the same for one person (a key's fingerprint, an
    account's id), never of a number or name that can pass to somebody else. A channel never
    guesses that two addresses are one person. Where a known address speaks with other keys than
    before, `Incoming.identity_changed` says so.
10. Only encrypted in, only encrypted out. What the channel refuses it counts in its health
    (`bots/refusals.py`); where it can be answered at all, the channel says one fixed sentence that
    it was given at its making, at most once a day to one address: nobody has read this. That
    sentence is the only thing that may ever leave unencrypted.
11. Nothing readable stays: once the handler has returned, the channel removes the message and its
    attachments from its own store and from the server; once the network has taken a message, it
    removes its own copy of that. Its folder is for nobody else (umask 077).
12. `send` may be called again with an id that was sent before, also by a later process. Where
    `sends_once` is true, the message then arrives once all the same; or `ChannelUncertain` says,
    this time and each other, that nobody knows. So is `send_attachment`.
13. What came with a message is fetched while the handler works on it, a bounded number of bytes
    (`bots/attachments.py`), or not at all where attachments are switched off; once the handler has
    returned, the channel removes it where it lay.

`bots/conformance.py` is the suite that every channel passes.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Final, Protocol

from bots.attachments import Fetch, Outgoing

DAY: Final = 86_400  # seconds


@unique
class Attachment(StrEnum):
    """What came with a message besides text, as its sender's app calls it."""

    VOICE = "voice"
    PICTURE = "picture"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message of one person. `text` is None where there is only an attachment.

    `fetches` gets the contents of each of `attachments`, in their order; None where it cannot be
    had, and empty where there is nothing to fetch.
    """

    address: str = field(repr=False)
    transport_id: str = field(repr=False)  # the network's own name for it, the same at each repeat
    text: str | None = field(repr=False)
    attachments: tuple[Attachment, ...]
    at: int  # seconds since 1970, as the network tells; shown, never trusted
    identity_changed: bool = False  # other keys than before: it may be another person
    fetches: tuple[Fetch | None, ...] = field(default=(), repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Sent:
    """The network took a message; `transport_id` is its name there, for `delete`."""

    transport_id: str = field(repr=False)


@unique
class RefusedBecause(StrEnum):
    """Why a message cannot go to this address; a constant word that staff see put into words."""

    GONE = "gone"  # the address does not exist (any more)
    IDENTITY_CHANGED = "identity_changed"  # other keys than before: the person must be asked
    NOT_ENCRYPTED = "not_encrypted"
    TOO_LONG = "too_long"
    REFUSED = "refused"


class ChannelCannotStart(Exception):
    """The channel cannot work as it is set up; the text says what to do and quotes no secret."""


class ChannelUnavailable(Exception):
    """Not taken; may be tried again, not before `retry_after` seconds where the network says so."""

    def __init__(self, retry_after: float | None = None) -> None:
        super().__init__("the channel cannot be reached at the moment; it is tried again later")
        self.retry_after = retry_after


class ChannelUncertain(Exception):
    """Nobody knows whether the network took it; a person decides about sending it again."""

    def __init__(self) -> None:
        super().__init__("the connection ended before the network said whether it took the message")


class ChannelRefused(Exception):
    """Not taken, and trying again is useless; `reason` says why."""

    def __init__(self, reason: RefusedBecause) -> None:
        super().__init__(f"the network does not take this message: {reason.value}")
        self.reason = reason


@unique
class Refusal(StrEnum):
    """Why an arriving message was not handed over; a constant word that operators see."""

    NOT_ENCRYPTED = "not_encrypted"
    UNVERIFIED = "unverified"  # encrypted, but not to be told from a forged one
    GROUP = "group"
    UNREADABLE = "unreadable"  # encrypted for somebody else, damaged, or too large


@dataclass(frozen=True, slots=True)
class ChannelHealth:
    """How a channel is, in counts and constant words.

    `waiting`: messages kept that the handler has not stored. `refused`: what was refused since
    the start, by reason. `limited_seconds`: for how long yet the network takes nothing from us
    because it was too much. `alarms`: constant words, such as "captcha_wanted".
    """

    connected: bool
    waiting: int = 0
    refused: Mapping[Refusal, int] = field(default_factory=dict)
    limited_seconds: float = 0.0
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Remains:
    """What is left elsewhere after `withdraw`; the receipt says it in words.

    False: it is gone there. True: it may still be there, and only the client can delete it.
    `vanishes`: by itself too, when the disappearing timer of the chat ends.
    """

    on_server: bool
    in_app: bool
    vanishes: bool


Handler = Callable[[Incoming], Awaitable[None]]
"""Stores one message; returns when it is safe to acknowledge it, raises `ChannelUnavailable`."""


class Channel(Protocol):
    """One messenger network, with the hotline's account there."""

    @property
    def name(self) -> str:
        """Return its name: one of `triage.retention.CHANNELS`."""
        ...

    @property
    def sends_once(self) -> bool:
        """Say whether one id, sent again by a later process, arrives once (rule 12)."""
        ...

    async def start(self, events: Handler) -> None:
        """Connect and hand over what arrives, from now until `stop`.

        Returns also where the network cannot be reached: the channel goes on trying by itself.
        Raises `ChannelCannotStart` for what only a person can mend.
        """
        ...

    async def invite(self) -> str | None:
        """Return what a client scans or types to reach the hotline here, if the network has it."""
        ...

    async def send(self, address: str, text: str, message_id: bytes) -> Sent:
        """Send `text`; `message_id` has 16 bytes and is the same when one message is tried again.

        Raises `ChannelUnavailable`, `ChannelUncertain` or `ChannelRefused`.
        """
        ...

    async def send_attachment(self, address: str, file: Outgoing, message_id: bytes) -> Sent:
        """Send one file as a message of its own; as `send` in everything else.

        What is larger than the network takes is refused as `RefusedBecause.TOO_LONG`.
        """
        ...

    async def delete(self, address: str, transport_id: str) -> None:
        """Delete one message from the network and from the other side, as far as it can be done.

        Raises `ChannelUnavailable`; a message that is not there any more is no error.
        """
        ...

    async def set_timer(self, address: str, seconds: int | None) -> None:
        """Have messages with this address vanish by themselves after `seconds`; None ends that.

        Does nothing on a network without such timers. Raises `ChannelUnavailable`.
        """
        ...

    async def withdraw(self, address: str) -> Remains:
        """Delete what was written with this address, on the server and in the person's app.

        As far as the network lets us; the answer says what that leaves. The address can still be
        written to. Repeating it is no error. Raises `ChannelUnavailable`; then it is asked again.
        """
        ...

    async def forget(self, address: str) -> None:
        """Remove all that the channel keeps of this address, and leave the person's rooms.

        Notes, keys for this person alone, the contact. What stands in the person's app is for
        `withdraw`, before. The address may write again afterwards, as somebody unknown. An address
        that is not there is no error. Raises `ChannelUnavailable`; then it is asked again.
        """
        ...

    async def people(self) -> list[str]:
        """Return every address of which the channel itself still keeps something.

        Raises `ChannelUnavailable`.
        """
        ...

    def health(self) -> ChannelHealth:
        """Say how it is, at once and without asking the network."""
        ...

    async def stop(self) -> None:
        """Disconnect; after it the handler is not called again. Repeating it does nothing."""
        ...
