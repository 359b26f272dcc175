"""Preparing the account once: hidden number, a username, and the link that invites."""

import contextlib
import os
from pathlib import Path
from typing import Final

from bots.signal.api import Api

_FILE: Final = "invite.txt"


async def set_up(api: Api, folder: Path, username: str) -> str:
    """Hide the number, claim `username` and keep its link in `folder`; return the link.

    Raises what `api` raises.
    """
    await api.hide_number()
    link = await api.claim_username(username)
    file = folder / _FILE
    with contextlib.suppress(FileNotFoundError):
        file.unlink()
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(link)
    return link


def read_invite(folder: Path) -> str | None:
    """Return the link that `set_up` kept in `folder`; None before."""
    try:
        return (folder / _FILE).read_text(encoding="utf-8").strip() or None
    except OSError:
        return None
