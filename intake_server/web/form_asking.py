"""A page that asks to go on with a chat's conversation, for browsers that run no code.

The phrase comes from the form's token: the same form sent twice asks the same, and its answer is
never lost. Web sees the phrase for this moment, as on every form, and the page says so.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from intake_server.web.asking_work import AskingWork
from intake_server.web.form_client import FormClient
from intake_server.web.form_fields import Fields
from intake_server.web.form_pages import FormPages
from intake_server.web.form_token import FormTokens, TokenExpired
from intake_server.web.opening import Opening
from intake_server.web.view import Page
from intake_server.web.work import MalformedRequest, Unavailable
from vault.keeper_protocol import JOIN_CODE_DIGITS, Refused
from vault.page_proposal import sealed_proposal
from vault.phrase import digits, words


@dataclass(frozen=True, slots=True)
class FormAsking:
    """The one step."""

    client: FormClient
    work: AskingWork
    tokens: FormTokens
    opening: Opening

    async def answer(self, fields: Fields, pages: FormPages) -> Page:
        """Ask with the code in the form; raises NotOpen, StaleKeys."""
        try:
            token = self.tokens.open(fields.token)
        except TokenExpired:
            return await self._again(fields, pages, "j12.form_is_old")
        if token.kept_phrase is not None:
            return await self._again(fields, pages, "j12.form_is_old")
        code = read_code(fields.code)
        if not code:
            return await self._again(fields, pages, "j12.code_wrong", fields.token)
        phrase = token.page_phrase
        try:
            start_key, proposal, number = await self.client.proposal(phrase, code)
            await self.work.propose(sealed_proposal(start_key, code, proposal))
        except Refused:
            return await self._again(fields, pages, "j12.code_wrong", fields.token)
        except (Unavailable, MalformedRequest):
            return await self._again(fields, pages, "j12.not_now", fields.token)
        return Page(
            state="asked",
            words=words(phrase),
            digits=" ".join(digits(phrase)),
            join_code=f"/page {number[:5]} {number[5:]}",
        )

    async def _again(self, fields: Fields, pages: FormPages, why: str, token: str = "") -> Page:
        """The form once more, with what was typed; it gets a new token where the old one ended."""
        if not token:
            token = self.tokens.first(self.opening.promise, await self.client.start_key())
        return Page(state="back", token=token, ask_problem=pages.t(why), code=fields.code[:40])


def read_code(typed: str) -> str:
    """The ten digits of any script; empty for anything else."""
    said = unicodedata.normalize("NFKC", typed)
    signs = [sign for sign in said if not sign.isspace() and sign != "-"]
    read = [str(unicodedata.digit(sign, "")) for sign in signs]
    return "".join(read) if len(read) == JOIN_CODE_DIGITS and all(read) else ""
