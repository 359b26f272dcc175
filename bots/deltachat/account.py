"""The hotline's own Delta Chat account: how it is made, what it never does, how it is kept.

The identity (address, password, key, invite) lies in the core's state folder, and once more in a
backup made before anybody has written: it holds no message and no other person's address, so it
may be kept for ever, encrypted under the passphrase it was made with.
"""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from bots.deltachat.core import Core, CoreGone, CoreRefused
from bots.deltachat.session import INVITE

STATE: Final = "state"  # the core's own folder, in the channel's folder
RELAY_SCHEME: Final = "dcaccount:"

POLICY: Final[Mapping[str, str]] = MappingProxyType(
    {
        "bot": "0",  # people answer; arriving chats are accepted by the channel
        "force_encryption": "1",  # neither in nor out without encryption
        "mdns_enabled": "0",  # no read receipts
        "bcc_self": "0",  # mail leaves the server as soon as it is downloaded
        "sync_msgs": "0",
        "selfstatus": "",
        "who_can_call_me": "2",  # nobody
        "last_msg_id": "0",  # else the core names the newest message alone, and forgets a burst
        "download_limit": "163840",  # bytes; larger ones stay on the server until they are fetched
    }
)
"""What the core is told at each start (its configuration keys)."""


class AccountRefused(Exception):
    """The account could not be made or read; the text says what to do."""


@dataclass(frozen=True, slots=True)
class MailAccount:
    """An account at a mail server. Without servers the core finds them out by itself."""

    address: str = field(repr=False)
    password: str = field(repr=False)
    imap_host: str = ""
    imap_port: int = 0
    smtp_host: str = ""
    smtp_port: int = 0
    security: Literal["automatic", "ssl", "starttls", "plain"] = "automatic"

    def fields(self) -> dict[str, object]:
        """Return it as the core's `EnteredLoginParam`."""
        entered: dict[str, object] = {"addr": self.address, "password": self.password}
        if self.imap_host:
            entered |= {"imapServer": self.imap_host, "imapPort": self.imap_port or None}
        if self.smtp_host:
            entered |= {"smtpServer": self.smtp_host, "smtpPort": self.smtp_port or None}
        if self.security != "automatic":
            entered |= {"imapSecurity": self.security, "smtpSecurity": self.security}
        return entered


@dataclass(frozen=True, slots=True)
class Identity:
    """The encrypted backup of the account: its file, and the passphrase for it."""

    file: Path
    passphrase: str = field(repr=False)


async def make_account(
    core: Core, account: MailAccount | str, *, display_name: str, identity: Identity
) -> str:
    """Make the account, keep its identity, and return the invite.

    `account` is a mail account, or the text of a relay (`dcaccount:…`) that makes a nameless one.
    Raises `AccountRefused`; then nothing is left in the core.
    """
    try:
        number = await core.ask(int, "add_account")
    except (CoreGone, CoreRefused):
        raise AccountRefused("the Delta Chat core does not start; reinstall its package") from None
    try:
        await apply_policy(core, number, display_name)
        if isinstance(account, str):
            await core.call("add_transport_from_qr", number, account, patience=_PATIENCE)
        else:
            await core.call("add_or_update_transport", number, account.fields(), patience=_PATIENCE)
        await _first_look(core, number)
        invite = await core.ask(str, "get_chat_securejoin_qr_code", number, None)
        await core.call("set_config", number, INVITE, invite)
        await keep_identity(core, number, identity)
    except (CoreGone, CoreRefused):
        with contextlib.suppress(CoreGone, CoreRefused):
            await core.call("remove_account", number)
        raise AccountRefused(
            "the mail server did not let us in. Check address, password and, where you gave "
            "them, host and port; try it once with a mail program."
        ) from None
    return invite


_PATIENCE: Final = 180.0  # seconds; finding the servers out asks several of them
_WAITING: Final = 4000  # of the core's measures of connectivity: it waits for mail
_LOOK: Final = 0.05  # seconds


async def _first_look(core: Core, number: int) -> None:
    """Let the core look into the mailbox once: it reads only what comes after its first look."""
    await core.call("start_io", number)
    try:
        async with asyncio.timeout(_PATIENCE):
            while await core.ask(int, "get_connectivity", number) < _WAITING:  # noqa: ASYNC110 - asked once in an account's life
                await asyncio.sleep(_LOOK)
    except TimeoutError:
        raise CoreGone from None
    finally:
        await core.call("stop_io", number)


async def apply_policy(core: Core, number: int, display_name: str) -> None:
    """Tell the core what it never does; raises `CoreGone` or `CoreRefused`."""
    await core.call("batch_set_config", number, {**POLICY, "displayname": display_name})


async def keep_identity(core: Core, number: int, identity: Identity) -> None:
    """Write the encrypted backup of an account that nobody has written to yet.

    The file replaces an earlier one only when it is whole. Raises `CoreGone` or `CoreRefused`.
    """
    with tempfile.TemporaryDirectory(dir=identity.file.parent) as folder:
        await core.call("export_backup", number, folder, identity.passphrase, patience=_PATIENCE)
        await asyncio.to_thread(_put, Path(folder), identity.file)


def _put(folder: Path, file: Path) -> None:
    (made,) = folder.iterdir()
    with made.open("rb") as written:
        os.fsync(written.fileno())
    made.chmod(0o600)
    made.replace(file)


async def open_account(core: Core, identity: Identity | None) -> int:
    """Return the number of the account in the core, brought back from `identity` where it is gone.

    Raises `AccountRefused`, `CoreGone` or `CoreRefused`.
    """
    for number in await core.ask(list[int], "get_all_account_ids"):
        if await core.ask(bool, "is_configured", number):
            return number
        await core.call("remove_account", number)  # half made, or half brought back
    if identity is None or not identity.file.is_file():
        raise AccountRefused("there is no account yet. Make one: havenline channels add deltachat")
    number = await core.ask(int, "add_account")
    try:
        await core.call(
            "import_backup", number, str(identity.file), identity.passphrase, patience=_PATIENCE
        )
    except CoreRefused:
        await core.call("remove_account", number)
        raise AccountRefused(
            f"{identity.file} does not open. Restore it together with courier/seed from the "
            "same backup."
        ) from None
    return number
