"""The bodies of the desk's requests about the team; see `intake_server.desk.bodies`."""

from typing import Annotated

import msgspec

from intake_server.desk.bodies import Blob, Body, Epoch, Id, Key32, Number, Proved
from vault.sealing import ID_SIZE

Roles = Annotated[int, msgspec.Meta(ge=1, le=15)]


class LastId(Id):
    """An id, or nothing: from the first one on."""

    least = 0
    most = ID_SIZE


class Team(Proved, frozen=True):
    """Newcomers and who holds which grant."""


class Grants(Proved, frozen=True):
    """One's own grants."""


class Invite(Proved, frozen=True):
    """An invitation: for whom, as what, and the public half of its key."""

    person: Id
    roles: Roles
    key: Key32


class Person(Proved, frozen=True):
    """Somebody whose invitation ends."""

    person: Id


class Recover(Proved, frozen=True):
    """Coming in with the recovery shares: the proof is by the keys made from them."""

    person: Id


class Append(Proved, frozen=True):
    """A signed roster entry."""

    entry: Blob


class Grant(Proved, frozen=True):
    """The team key, sealed to somebody."""

    person: Id
    epoch: Epoch
    grant: Blob


class InvitationKey(Body, frozen=True):
    """The public half of an invitation's key."""

    key: Key32


class Join(Proved, frozen=True):
    """What a newcomer made, sealed to the keeper."""

    key: Key32
    request: Blob


class RosterAfter(Body, frozen=True):
    """Entries after this number of them."""

    after: Number


class Behind(Body, frozen=True):
    """Conversations still wrapped for an earlier epoch, after this id."""

    after: LastId


class OldWrap(Proved, frozen=True):
    """A conversation's wrap for the epoch that it names, to be made anew."""

    conversation: Id
    epoch: Epoch


class HandOver(Body, frozen=True):
    """A conversation for a colleague, with a note that the team alone can read."""

    conversation: Id
    to: Id
    message: Id
    envelope: Blob


class PageAsking(Proved, frozen=True):
    """Which keys wait to be let in to a conversation."""

    conversation: Id


class PageLetIn(Proved, frozen=True):
    """Both wraps, sealed to the keeper, with their proof; then the proof that lets the page in.

    `seen` is the number of the newest message on the counsellor's screen.
    """

    conversation: Id
    seen: Number
    epoch: Epoch
    request: Blob
    page: Key32
    wraps: Proved


class PageRefuse(Proved, frozen=True):
    """A page that waits is not let in; `page` names its keys, `seen` as above."""

    conversation: Id
    seen: Number
    page: Key32


class Rewrap(Proved, frozen=True):
    """A conversation's wrap for the head epoch, sealed to the keeper."""

    conversation: Id
    epoch: Epoch
    request: Blob
