"""The account's identity in signal-cli's folder: kept sealed, and put back where it was lost.

signal-cli keeps a list of its accounts (`accounts.json`) and, for each, a file with its own keys
and its password at Signal. Everything about other people, the sessions with them and its log of
sent messages lie elsewhere (`<account>.d/`) and are not kept: whoever opens this copy reads no
message and learns no name. After bringing back, signal-cli makes new sessions; the first message
of somebody who wrote before may not open, and their app then sends it again.
"""

import base64
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bots.box import Box

LIST: Final = "accounts.json"
_VERSION: Final = 2
_LARGEST: Final = 2**20  # bytes of the account's file; it has a few kilobytes


class IdentityRefused(Exception):
    """The identity could not be kept or brought back; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One account: its entry in the list, and its own file."""

    entry: dict[str, Any] = field(repr=False)
    content: bytes = field(repr=False)


def keep(folder: Path, number: str, file: Path, box: Box) -> None:
    """Seal the identity of `number` in signal-cli's data folder into `file`.

    Raises `IdentityRefused`.
    """
    entry = next((one for one in _accounts(folder) if one.get("number") == number), None)
    if entry is None:
        raise IdentityRefused(f"{folder / LIST} does not know this number. Register it first.")
    source = folder / _name_in(entry)
    try:
        content = source.read_bytes()
    except OSError:
        raise IdentityRefused(f"{source} cannot be read. Run this as its owner or root.") from None
    if len(content) > _LARGEST:
        raise IdentityRefused(f"{source} is not the file of an account: it is too large.")
    kept = {"entry": entry, "content": base64.b64encode(content).decode()}
    _write(file, box.seal(json.dumps(kept).encode()))


def bring_back(folder: Path, file: Path, box: Box) -> str:
    """Put the identity in `file` back into signal-cli's data folder; return its number.

    Never over an account that is there. Raises `IdentityRefused`.
    """
    kept = _opened(file, box)
    number, target = str(kept.entry.get("number")), folder / _name_in(kept.entry)
    known = _accounts(folder) if (folder / LIST).exists() else []
    if target.exists() or any(one.get("number") == number for one in known):
        raise IdentityRefused(f"{folder} holds this account already. Nothing was changed.")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(target, kept.content)
        listed = {"accounts": [*known, kept.entry], "version": _VERSION}
        _write(folder / LIST, json.dumps(listed).encode())
    except OSError as error:
        raise IdentityRefused(f"{folder} cannot be written ({error.strerror}).") from None
    return number


def _accounts(folder: Path) -> list[dict[str, Any]]:
    try:
        listed = json.loads((folder / LIST).read_text(encoding="utf-8"))["accounts"]
        return [one for one in listed if isinstance(one, dict)]
    except (OSError, ValueError, KeyError, TypeError):
        raise IdentityRefused(
            f"{folder / LIST} cannot be read. Name signal-cli's folder data, and run this as its "
            "owner or root."
        ) from None


def _name_in(entry: dict[str, Any]) -> str:
    """The name of the account's file; never a way out of the folder."""
    name = entry.get("path")
    if not isinstance(name, str) or not name or name != Path(name).name:
        raise IdentityRefused("signal-cli's list of accounts is not understood.")
    return name


def _opened(file: Path, box: Box) -> Kept:
    try:
        kept = json.loads(box.open(file.read_bytes()))
        return Kept(dict(kept["entry"]), base64.b64decode(kept["content"]))
    except Exception:  # noqa: BLE001 - missing, damaged, or sealed under another courier's seed
        raise IdentityRefused(
            f"{file} does not open. Restore it together with courier/seed from the same backup."
        ) from None


def _write(file: Path, content: bytes) -> None:
    new = file.with_name(f"{file.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(file)
