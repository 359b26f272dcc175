"""Preparing the account once: hidden number, a username, and the link that invites.

An operator's solved captcha comes to the running channel as a file in its folder: the operator
reaches no other process by network.
"""

import contextlib
import os
from pathlib import Path
from typing import Final

from bots.signal.api import Api

_FILE: Final = "invite.txt"
_CAPTCHA: Final = "captcha.txt"
CAPTCHA_SCHEME: Final = "signalcaptcha://"


async def set_up(api: Api, folder: Path, username: str, name: str = "") -> str:
    """Hide the number, claim `username` and keep its link in `folder`; return the link.

    `name` is the profile's, where it is to be set. Raises what `api` raises.
    """
    if name:
        await api.set_name(name)
    await api.hide_number()
    link = await api.claim_username(username)
    _put(folder / _FILE, link)
    return link


def leave_captcha(folder: Path, captcha: str) -> None:
    """Leave a captcha that a person solved, for the running channel to take. Raises `OSError`."""
    _put(folder / _CAPTCHA, captcha.strip())


def take_captcha(folder: Path) -> str | None:
    """Take away what `leave_captcha` left; None where nothing lies there."""
    file = folder / _CAPTCHA
    try:
        captcha = file.read_text(encoding="utf-8")
        file.unlink()
    except (OSError, UnicodeDecodeError):
        return None
    return captcha if captcha.startswith(CAPTCHA_SCHEME) else None


def _put(file: Path, text: str) -> None:
    new = file.with_suffix(".new")
    with contextlib.suppress(FileNotFoundError):
        new.unlink()
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)
    new.replace(file)


def read_invite(folder: Path) -> str | None:
    """Return the link that `set_up` kept in `folder`; None before."""
    try:
        return (folder / _FILE).read_text(encoding="utf-8").strip() or None
    except OSError:
        return None
