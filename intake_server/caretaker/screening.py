"""Screening one message: the only place besides its sender where a text is in clear.

The key to which copies are sealed is made at start, signed, and never leaves this object; nothing
here is written anywhere. What comes out is sealed to the conversation's `npk`, which only the team
opens, and signed by the caretaker.

Answers to optional questions are marked as such inside the copy. What is found about them has the
size that what is found about a short text has: the database must neither count the answers nor
tell that there are any.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from intake_server.screening_link import LANGUAGE_SIZE, Screened, ScreeningKey
from triage.screening.findings import UNKNOWN_LANGUAGE, Screening, encode
from vault.envelope import (
    MAX_BODY,
    Direction,
    Envelope,
    Findings,
    Format,
    Origin,
    encode_body,
    finding_id,
    seal_envelope,
)
from vault.sealing import ID_SIZE, CannotOpen, Kind, SignKeys, equal, new_box_keys, random_bytes
from vault.wraps import ScreeningCopy, open_screening_copy, sign_screening_key

NOT_SCREENED: Final = Screened(finding=None, urgency=1, language="", screened=False)

Rules = Callable[[str, str], Screening]
"""Screens a text, with the language code of its page or nothing; never raises for a text."""

AnswerRules = Callable[[str], Screening]
"""Says what answers to optional questions amount to; never raises for a text."""

LEAST_SIZE: Final = 2048  # bytes of any finding: the bucket that holds those about all the answers


class Screener:
    """Screens sealed copies. Its methods may run in a thread."""

    def __init__(
        self, rules: Rules, answers: AnswerRules, signer: SignKeys, now: Callable[[], int]
    ) -> None:
        """`signer` is the caretaker's key of the roster; `now` gives seconds since 1970."""
        self._rules = rules
        self._answers = answers
        self._signer = signer
        self._now = now
        self._keys = new_box_keys()
        signature = sign_screening_key(signer, self._keys.public)
        self.key = ScreeningKey(self._keys.public, signature)

    def screen(
        self, sealed_copy: bytes, conversation_id: bytes, message_id: bytes, npk: bytes
    ) -> Screened:
        """Open a copy, screen it, seal and sign what was found.

        `npk` is the keeper's answer for that conversation. Raises `CannotOpen` for a copy under
        another key or of another message.
        """
        copy = open_screening_copy(self._keys, sealed_copy)
        if not equal(copy.conversation_id, conversation_id) or not equal(
            copy.message_id, message_id
        ):
            raise CannotOpen
        if copy.is_answers:
            found = self._answers(copy.text)
        else:
            found = self._rules(copy.text, copy.language_hint)
        language = "" if found.language == UNKNOWN_LANGUAGE else found.language
        return Screened(
            finding=self._sealed(found, copy, npk),
            urgency=found.urgency,
            language=language[:LANGUAGE_SIZE],
            screened=found.screened,
        )

    def _sealed(self, found: Screening, copy: ScreeningCopy, npk: bytes) -> bytes:
        """The finding envelope. Each has a writer id of its own: none is missing before it."""
        content = Envelope(
            conversation_id=copy.conversation_id,
            message_id=finding_id(copy.message_id),
            writer_id=random_bytes(ID_SIZE),
            counter=1,
            direction=Direction.FINDING,
            origin=Origin.CARETAKER,
            epoch=0,
            time_ms=self._now() * 1000,
            danger=False,
            format=Format.FINDINGS,
            body=_body(found),
        )
        return seal_envelope(content, Kind.NOTE, npk, self._signer, at_least=LEAST_SIZE)


def _body(found: Screening) -> bytes:
    """The body; the last findings are left out until it fits, those set aside before others.

    Its urgency counts all.
    """
    while True:
        body = encode_body(Findings(encode(found).decode(), found.language))
        if len(body) <= MAX_BODY:
            return body
        if found.set_aside:
            found = replace(found, set_aside=found.set_aside[: len(found.set_aside) * 3 // 4])
        elif found.findings:
            found = replace(found, findings=found.findings[: len(found.findings) * 3 // 4])
        else:
            found = replace(found, routes=())
