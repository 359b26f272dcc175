"""The form token: what the page without JavaScript remembers between two requests.

Section 8 of docs/envelope.md. The token is opaque to the browser and sealed under a key that
lives in the memory of this process; from its seed come phrase, ids and keys, so that the same form
sent twice is the same message. Nothing is kept on the server.

A token that begins a conversation names the start key of the keeper that ran when it was made. The
keeper takes no id that it has forgotten, as long as it runs; after its restart no earlier form
begins anything. So what was erased is never made again under the same keys.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from triage.retention import Promise
from vault.phrase import PHRASE_SIZE, Phrase, phrase_from
from vault.sealing import (
    HEADER_SIZE,
    ID_SIZE,
    KEY_SIZE,
    SEED_SIZE,
    CannotOpen,
    Kind,
    Malformed,
    Secret,
    aead_open,
    aead_seal,
    derive,
    header,
    labelled,
    mac,
    pack,
    random_bytes,
    unpack,
)
from vault.wraps import ConversationKeys, conversation_keys

LIFE_SECONDS: Final = 60 * 60
_SLACK_SECONDS: Final = 60  # the clock of this machine may have been set back meanwhile
_TIME_SIZE: Final = 8
_HOURS_SIZE: Final = 2
_ASSOCIATED: Final = labelled("form", header(Kind.FORM_TOKEN))


class Stage(IntEnum):
    """Which form a token stands in."""

    FIRST = 1  # a new conversation; carries the promise that was shown
    RETURNED = 2  # an open conversation; carries its phrase


class TokenExpired(Exception):
    """The token is too old, or from before a restart; the form is sent once more with a new one."""


@dataclass(frozen=True, slots=True)
class FormToken:
    """An opened token. `seed` has 32 bytes; exactly one of `promise` and `kept_phrase` is there.

    `start_key` is the keeper's, for a token with a promise.
    """

    issued: int
    seed: Secret
    promise: Promise | None = None
    start_key: bytes = b""
    kept_phrase: Phrase | None = None

    @property
    def phrase(self) -> Phrase:
        """The phrase of the conversation that this form begins or goes on with."""
        if self.kept_phrase is not None:
            return self.kept_phrase
        return phrase_from(derive(self.seed, "form/phrase"))

    @property
    def page_phrase(self) -> Phrase:
        """The phrase with which this form asks to go on with a chat; never that of a message."""
        return phrase_from(derive(self.seed, "form/page-phrase"))

    @property
    def conversation_id(self) -> bytes:
        """The id of the conversation that this form begins."""
        return derive(self.seed, "form/conversation").reveal()[:ID_SIZE]

    @property
    def keys(self) -> ConversationKeys:
        """The key pairs of the conversation that this form begins."""
        return conversation_keys(derive(self.seed, "form/csk"), derive(self.seed, "form/nsk"))

    def message_id(self, text: str, name: str, *, danger: bool) -> bytes:
        """The id of the message in this form.

        The contents are in it: the same form sent twice is one message, and a form that was
        changed after going back in the browser is another one instead of being lost.
        """
        contents = pack(text.encode(), name.encode(), bytes((danger,)))
        return mac(derive(self.seed, "form/message"), contents, ID_SIZE)


class FormTokens:
    """Makes and opens tokens under one key; `now` gives seconds since 1970."""

    def __init__(self, key: Secret, now: Callable[[], int]) -> None:
        self._key = key
        self._now = now

    def first(self, promise: Promise, start_key: bytes) -> str:
        """A token for a form that begins a conversation under `promise`.

        `start_key` is the running keeper's; empty where it is not known, and then the token
        begins nothing.
        """
        hours = (promise.inactivity_hours, promise.absolute_hours, promise.closed_hours)
        fields = pack(*(number.to_bytes(_HOURS_SIZE, "big") for number in hours), start_key)
        return self._seal(Stage.FIRST, fields)

    def returned(self, phrase: Phrase) -> str:
        """A token for the forms of an open conversation."""
        return self._seal(Stage.RETURNED, pack(phrase.secret.reveal()))

    def open(self, text: str) -> FormToken:
        """Open a token; raises TokenExpired for anything but a living one of this process."""
        try:
            blob = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            content = aead_open(self._key, _ASSOCIATED, _without_header(blob))
            token = _read(content)
        except (binascii.Error, ValueError, CannotOpen):
            raise TokenExpired from None
        age = self._now() - token.issued
        if not -_SLACK_SECONDS <= age <= LIFE_SECONDS:
            raise TokenExpired
        return token

    def _seal(self, stage: Stage, fields: bytes) -> str:
        content = b"".join(
            (
                self._now().to_bytes(_TIME_SIZE, "big"),
                random_bytes(SEED_SIZE),
                bytes((stage,)),
                fields,
            )
        )
        blob = header(Kind.FORM_TOKEN) + aead_seal(self._key, _ASSOCIATED, content)
        return base64.urlsafe_b64encode(blob).decode().rstrip("=")


def new_token_key() -> Secret:
    """A key for `FormTokens`, made at start and never written anywhere."""
    return Secret(random_bytes(KEY_SIZE))


def _without_header(blob: bytes) -> bytes:
    if not blob.startswith(header(Kind.FORM_TOKEN)):
        raise CannotOpen
    return blob[HEADER_SIZE:]


def _read(content: bytes) -> FormToken:
    """The fields of an opened token; raises ValueError for another layout."""
    at = _TIME_SIZE + SEED_SIZE
    issued = int.from_bytes(content[:_TIME_SIZE], "big")
    seed = Secret(content[_TIME_SIZE:at])
    stage = Stage(content[at])
    if stage is Stage.RETURNED:
        (phrase,) = unpack(content[at + 1 :], 1)
        if len(phrase) != PHRASE_SIZE:
            raise Malformed("a phrase has ten bytes")
        return FormToken(issued, seed, kept_phrase=Phrase(Secret(phrase)))
    *fields, start_key = unpack(content[at + 1 :], 4)
    inactivity, absolute, closed = (int.from_bytes(field, "big") for field in fields)
    promise = Promise(inactivity, absolute, closed, inactivity)
    return FormToken(issued, seed, promise=promise, start_key=start_key)
