"""In which language each person is answered: that of what they wrote last, as far as it tells.

In memory only; after a restart the language that screening noted with the conversation helps out.
"""

import contextlib
from dataclasses import dataclass, field
from typing import Final

from intake_server.courier.answers import Answers, Spoken
from intake_server.courier.work import Work
from triage.language import guess_language
from vault.keeper_client import CourierKeeper
from vault.keeper_protocol import Refused

_MOST: Final = 4_096  # people at once; who was silent longest goes


@dataclass(slots=True)
class Languages:
    """Language codes by address tag."""

    keeper: CourierKeeper
    work: Work
    spoken: Spoken
    _codes: dict[bytes, str] = field(default_factory=dict, repr=False)

    def hear(self, tag: bytes, text: str) -> None:
        """Learn from a message, where it tells anything; a command tells nothing."""
        guessed = None if text.lstrip().startswith("/") else guess_language(text)
        if guessed is not None:
            self._note(tag, guessed)

    def heard(self, tag: bytes) -> str:
        """The language of what this person wrote since the start; empty: nothing told."""
        return self._codes.get(tag, "")

    async def of(self, tag: bytes) -> str:
        """The language this person is answered in; what is not known is empty: the page's."""
        if tag not in self._codes:
            with contextlib.suppress(Refused):
                found = await self.keeper.find_address(tag)
                self._note(tag, await self.work.language_of(found.conversation_id))
        return self.heard(tag)

    async def answers(self, tag: bytes) -> Answers:
        """The answers in this person's language."""
        return self.spoken.said_in(await self.of(tag))[1]

    def forget(self, tag: bytes) -> None:
        """Know nothing of this person any more."""
        self._codes.pop(tag, None)

    def _note(self, tag: bytes, language: str) -> None:
        self._codes.pop(tag, None)
        self._codes[tag] = language
        if len(self._codes) > _MOST:
            del self._codes[next(iter(self._codes))]
