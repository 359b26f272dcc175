"""Joining another chat: what a client asks for with `/code` in one and `/join` in the other.

The code is made where the conversation is and said only there; the keeper keeps it for 15 minutes
and forgets it at its first use. The return phrase never travels over a messenger.
"""

import unicodedata
from dataclasses import dataclass, field
from typing import Final

from vault.keeper_protocol import JOIN_CODE_DIGITS

CODE_COMMAND: Final = "/code"
JOIN_COMMAND: Final = "/join"


@dataclass(frozen=True, slots=True)
class AskCode:
    """A code is wanted for the conversation of this chat."""


@dataclass(frozen=True, slots=True)
class Join:
    """This chat shall go on with the conversation of a code; empty where none was written."""

    code: str = field(repr=False)


def read_request(text: str) -> AskCode | Join | None:
    """Say what a message asks for; None: it is for a counsellor. Digits of every script count."""
    said = unicodedata.normalize("NFKC", text).strip().casefold()
    if said == CODE_COMMAND:
        return AskCode()
    command, _, rest = said.partition(" ")
    if command != JOIN_COMMAND:
        return None
    written = [sign for sign in rest if not sign.isspace() and sign != "-"]
    digits = [str(unicodedata.digit(sign, "")) for sign in written]
    is_code = len(digits) == JOIN_CODE_DIGITS and all(digits)
    return Join("".join(digits) if is_code else "")


def sign_of(channel: str) -> str:
    """What stands in the conversation for a chat that joined; the desk puts it into words."""
    return f"[joined {channel}]"
