"""What the keeper's verbs answer, as its clients hand it on; dates in seconds.

An `answer` is sealed to the reply key of whoever made the proof and is passed on as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from vault.keeper_protocol import Reference
from vault.sealing import Secret


@dataclass(frozen=True, slots=True)
class Hello:
    """Who the keeper is since its last start; `root` None while nobody is set up."""

    start_key: bytes
    pairing_id: bytes
    root: bytes | None
    now: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Who can read, and what the keeper's mirror is: `mirrored` in seconds since 1970, 0: never.

    `holders` people hold the team key of today; `on_paper`: the recovery sheets hold it too.
    """

    holders: int
    on_paper: bool
    has_mirror: bool
    mirrored: int


@dataclass(frozen=True, slots=True)
class PinnedDetails:
    """The newest version of what the organisation says: number, and hash (`vault.organisation`).

    Before the first is pinned: 0 and nothing.
    """

    number: int = 0
    digest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class RosterPart:
    """The head of the roster (None: there is no roster) and entries after the number asked for."""

    head: bytes | None
    entries: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class SlotKeys:
    """What is public of a living conversation; dates in seconds."""

    conversation_id: bytes = field(repr=False)
    cpk: bytes
    npk: bytes
    verify_key: bytes | None
    channel: int
    due: int
    latest: int


@dataclass(frozen=True, slots=True)
class Created:
    """A web conversation's slot and what the database keeps."""

    reference: Reference
    conversation_id: bytes = field(repr=False)
    team_wrap: bytes = field(repr=False)
    client_wrap: bytes = field(repr=False)
    due: int
    latest: int


@dataclass(frozen=True, slots=True)
class Found:
    """Where the conversation of a lookup tag is."""

    reference: Reference
    conversation_id: bytes = field(repr=False)
    due: int
    latest: int


@dataclass(frozen=True, slots=True)
class Erased:
    """A conversation that is forgotten, and the sealed answer for who asked."""

    reference: Reference
    conversation_id: bytes = field(repr=False)
    answer: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class DueChanged:
    """The new date, in clear and in the sealed answer."""

    due: int
    answer: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClientWrote:
    """The conversation a client has written to, and its new date."""

    reference: Reference
    conversation_id: bytes = field(repr=False)
    due: int
    answer: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class MessengerCreated:
    """A messenger conversation's two slots and what the database keeps."""

    reference: Reference
    conversation_id: bytes = field(repr=False)
    team_wrap: bytes = field(repr=False)
    due: int
    latest: int
    address: Reference
    outer_address: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class FoundAddress:
    """Whose an address is."""

    address: Reference
    reference: Reference
    conversation_id: bytes = field(repr=False)
    cpk: bytes
    npk: bytes
    due: int


@dataclass(frozen=True, slots=True)
class OpenedAddress:
    """An inner address and its safe hours.

    Minutes of the day, from `begin` to before `end`; equal: at any time.
    """

    inner: bytes = field(repr=False)
    begin: int = field(repr=False)
    end: int = field(repr=False)


@dataclass(frozen=True, slots=True)
class AddressErased:
    """What went with an address: the conversation too, unless a phrase is set."""

    is_conversation_gone: bool
    conversation_id: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Freed:
    """A slot that was freed; `kind` 1 conversation, 2 address."""

    reference: Reference
    kind: int
    conversation_id: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Living:
    """A slot that lives; `created` in minutes since 1970."""

    reference: Reference
    kind: int
    conversation_id: bytes = field(repr=False)
    created: int


@dataclass(frozen=True, slots=True)
class SetUpKeys:
    """What the first roster entry names, with its MAC under the set-up token."""

    courier_box_key: bytes
    courier_sign_key: bytes
    caretaker_sign_key: bytes
    start_key: bytes
    mac: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SetUpPrepared:
    """What to store before pinning; the wrap is None where it was stored before a restart."""

    staff_id: bytes = field(repr=False)
    login_tag: bytes = field(repr=False)
    staff_wrap: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person who is in, with the sealed answer for their browser."""

    staff_id: bytes = field(repr=False)
    roles: int
    answer: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Replied:
    """The new date and, for a messenger, the item for the outbox."""

    due: int
    outbox_item: bytes | None = field(repr=False)
    answer: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """A team wrap for the current epoch."""

    team_wrap: bytes = field(repr=False)
    answer: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Held:
    """Until when a conversation is held; 0: not at all."""

    until: int
    answer: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Appended:
    """The roster's new head."""

    head: bytes
    answer: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Invited:
    """Until when an invitation may be used (seconds)."""

    until: int
    answer: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Invitation:
    """Whom an invitation is for: a new id, or a member who cannot sign in any more."""

    staff_id: bytes = field(repr=False)
    roles: int
    until: int
    is_joined: bool


@dataclass(frozen=True, slots=True)
class Joined:
    """What to store of a newcomer; `staff_wrap` None where the name is in the way."""

    is_name_taken: bool
    staff_id: bytes = field(repr=False)
    login_tag: bytes = field(repr=False)
    staff_wrap: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class SetUpToken:
    """The secret of a set-up link, and when it ends."""

    token: Secret
    ends: int
