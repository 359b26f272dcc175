"""What the desk answers in place of a result: one code for each case, and what goes with it.

The browser has the words for each code; nothing here is shown to a person.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from http import HTTPStatus
from typing import ClassVar

from intake_server.desk.bodies import to_text
from vault.attachments import NotWhole
from vault.engine import DatabaseFailed
from vault.keeper_client import KeeperDown
from vault.keeper_protocol import BadRequest, Busy, KeeperRefusal, Refused
from vault.messages import NotAnEnvelope, UnknownConversation
from vault.roster import RosterError
from vault.sealing import Malformed


class NotDone(Exception):
    """A request that was not done, or of which it is not known (`Unavailable`)."""

    code: ClassVar[str]
    status: ClassVar[HTTPStatus]

    def detail(self, now: int) -> dict[str, object]:  # noqa: ARG002  # some need the time, seconds
        """What the browser is told besides the code."""
        return {}


class SignedOut(NotDone):
    """There is no such session, or not any more."""

    code = "signed_out"
    status = HTTPStatus.UNAUTHORIZED


class Forbidden(NotDone):
    """This person's roles do not allow it, or another site made the request."""

    code = "forbidden"
    status = HTTPStatus.FORBIDDEN


class RefusedByKeeper(NotDone):
    """The keeper refused: a proof, a link, a name, a password; never said which."""

    code = "refused"
    status = HTTPStatus.FORBIDDEN


class MalformedRequest(NotDone):
    """The request is not of the form of its route."""

    code = "malformed"
    status = HTTPStatus.BAD_REQUEST


class NotHere(NotDone):
    """Nothing is asked for by this method and path."""

    code = "not_here"
    status = HTTPStatus.NOT_FOUND


class TooBusy(NotDone):
    """A budget is used up; it may be tried again after so many seconds."""

    code = "busy"
    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, seconds: int) -> None:
        super().__init__()
        self._seconds = seconds

    def detail(self, now: int) -> dict[str, object]:
        """From when on (seconds since 1970)."""
        return {"at": now + self._seconds}


class ClaimLost(NotDone):
    """Somebody else holds the conversation now, or nobody."""

    code = "claim_lost"
    status = HTTPStatus.CONFLICT

    def __init__(self, holder: bytes | None) -> None:
        super().__init__()
        self._holder = holder

    def detail(self, now: int) -> dict[str, object]:  # noqa: ARG002  # as it is inherited
        """Who holds it."""
        return {"holder": None if self._holder is None else to_text(self._holder)}


class MovedOn(NotDone):
    """The client has written something that the writer has not seen."""

    code = "moved_on"
    status = HTTPStatus.CONFLICT

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def detail(self, now: int) -> dict[str, object]:  # noqa: ARG002  # as it is inherited
        """The number of the client's newest message."""
        return {"number": self._number}


class NoWay(NotDone):
    """Nothing that is sent would reach the client: the messenger address is gone."""

    code = "no_way"
    status = HTTPStatus.CONFLICT


class Gone(NotDone):
    """The conversation was erased or forgotten."""

    code = "gone"
    status = HTTPStatus.GONE


class NotOffered(NotDone):
    """This hotline sends no attachments over this channel."""

    code = "not_offered"
    status = HTTPStatus.FORBIDDEN


class NoRoomLeft(NotDone):
    """There is no room for more attachments; words still go."""

    code = "no_room"
    status = HTTPStatus.INSUFFICIENT_STORAGE


class Unavailable(NotDone):
    """Keeper or database did not do it just now; the same request may be repeated."""

    code = "unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE


@contextlib.contextmanager
def calm() -> Iterator[None]:
    """Turn whatever keeper and database raise into what the browser can be told."""
    try:
        yield
    except Refused:
        raise RefusedByKeeper from None
    except Busy as busy:
        raise TooBusy(busy.seconds) from None
    except (BadRequest, NotAnEnvelope, NotWhole, Malformed):
        raise MalformedRequest from None
    except UnknownConversation:
        raise Gone from None
    except (KeeperRefusal, KeeperDown, DatabaseFailed, RosterError) as failure:
        raise Unavailable from failure
