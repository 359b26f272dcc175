"""The hotline's Matrix account: where its name and access token lie, and how it first signs in.

The file holds an access token in clear: it is readable for the courier alone (mode 0600, in a
folder of mode 0700). The password is never kept.
"""

import contextlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import aiohttp
from aiohttp_socks import ProxyConnector, ProxyError

from bots.channel import ChannelCannotStart

FILE_NAME: Final = "account.json"
_PATIENCE: Final = 30.0
_ADD: Final = "Sign in: havenline channels add matrix"
_AGAIN: Final = "Sign in again: havenline channels add matrix --again"
_LOCAL: Final = {"127.0.0.1", "::1", "localhost"}


class AccountError(ChannelCannotStart):
    """The account cannot be used; the text says what to do. Never quotes a token or password."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account with one device, signed in."""

    homeserver: str  # "https://matrix.example.org"
    user_id: str  # "@name:example.org"
    device_id: str
    access_token: str = field(repr=False)


def read_account(folder: Path) -> Account:
    """Return the account that `sign_in` left in `folder`; raises `AccountError`."""
    file = folder / FILE_NAME
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        account = Account(**values)
    except FileNotFoundError:
        raise AccountError(f"{file} is missing. {_ADD}") from None
    except (OSError, ValueError, TypeError):
        raise AccountError(f"{file} cannot be read. {_AGAIN}") from None
    if not all(isinstance(value, str) and value for value in asdict(account).values()):
        raise AccountError(f"{file} is not complete. {_AGAIN}")
    check_homeserver(account.homeserver)
    return account


def write_account(folder: Path, account: Account) -> None:
    """Keep the account in `folder`, for nobody else to read."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / FILE_NAME
    write_private(file, json.dumps(asdict(account), indent=1).encode())


def write_private(file: Path, content: bytes) -> None:
    """Put a file of mode 0600 in the place of `file`: the old or the new one, never a part."""
    new = file.with_name(file.name + ".new")
    with contextlib.suppress(FileNotFoundError):
        new.unlink()
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def check_homeserver(address: str) -> None:
    """Raise `AccountError` for an address over which a password must not travel."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    safe = parts.scheme == "https" or host in _LOCAL or host.endswith(".onion")
    if parts.scheme not in {"http", "https"} or not host or not safe:
        raise AccountError(
            "the homeserver's address must begin with https://; http:// is taken for this "
            "machine and for onion services alone"
        )


def invite_to(user_id: str) -> str:
    """Return a `matrix:` link to an account (client-server API v1.11, appendix "URIs")."""
    return f"matrix:u/{quote(user_id.removeprefix('@'), safe=':')}?action=chat"


async def sign_in(
    homeserver: str, user: str, password: str, folder: Path, *, proxy: str = ""
) -> Account:
    """Sign in with a password as a new device and keep the account in `folder`.

    The device has no name that others could see. Raises `AccountError`.
    """
    account = await new_device(homeserver, user, password, proxy=proxy)
    write_account(folder, account)
    return account


async def new_device(homeserver: str, user: str, password: str, *, proxy: str = "") -> Account:
    """Sign in and keep nothing (Matrix client-server API v1.11, section 5.7.2)."""
    check_homeserver(homeserver)
    homeserver = homeserver.rstrip("/")
    wanted = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": user},
        "password": password,
        "initial_device_display_name": "",
    }
    asking = Asking(homeserver, "", proxy)
    status, said = await asking.post("login", wanted)
    if status in {401, 403}:
        raise AccountError("the homeserver does not take this name and password.")
    try:
        return Account(homeserver, said["user_id"], said["device_id"], said["access_token"])
    except (KeyError, TypeError):
        raise AccountError(f"the homeserver refused to sign in (status {status}).") from None


async def sign_out(account: Account, *, proxy: str = "") -> None:
    """End a device's session: the homeserver forgets its keys. Raises `AccountError`.

    A device that is signed out already is no error.
    """
    await Asking(account.homeserver, account.access_token, proxy).post("logout", {})


@dataclass(frozen=True, slots=True)
class Asking:
    """Asks a homeserver without the library of the channel: sign-in and signatures, a few times."""

    homeserver: str
    token: str = field(repr=False)
    proxy: str = field(default="", repr=False)

    async def post(self, path: str, content: dict[str, Any]) -> tuple[int, Any]:
        """Return status and answer of a POST below `/_matrix/client/v3/`; raises `AccountError`."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        connector = ProxyConnector.from_url(self.proxy) if self.proxy else None
        patience = aiohttp.ClientTimeout(total=_PATIENCE)
        url = f"{self.homeserver}/_matrix/client/v3/{path}"
        try:
            async with (
                aiohttp.ClientSession(timeout=patience, connector=connector) as session,
                session.post(url, json=content, headers=headers) as answer,
            ):
                return answer.status, await answer.json(content_type=None)
        except (aiohttp.ClientError, ProxyError, TimeoutError, OSError, ValueError):
            raise AccountError(
                "the homeserver does not answer. Check its address and that it is running."
            ) from None
