"""Which channels the courier runs, each made with what it needs and no more.

A channel's state lies in a folder of its own that is for nobody else; its account's identity lies
beside it, encrypted under a passphrase from the courier's seed, so that both come back together
from one backup.
"""

import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from structlog.typing import FilteringBoundLogger

from bots.channel import Channel
from bots.deltachat.account import Identity
from bots.deltachat.channel import DeltaChat
from bots.loopback import Loopback
from intake_server.clock import Clock
from intake_server.courier.own_keys import OwnKeys
from intake_server.settings import Settings
from triage.retention import URGENCIES, Policy, promise_for

IDENTITY_FILE: Final = "identity.backup"
_PRIVATE: Final = stat.S_IRWXU
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class FolderRefused(Exception):
    """A channel's folder cannot be used; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Making:
    """What channels are made with. `nobody_read`: what is said to who writes unencrypted."""

    settings: Settings
    policy: Policy
    keys: OwnKeys
    clock: Clock
    log: FilteringBoundLogger
    nobody_read: str


def make_channels(it: Making) -> list[Channel]:
    """Make the channels that the settings switch on, not started. Raises `FolderRefused`."""
    return list(_made(it))


def _made(it: Making) -> Iterator[Channel]:
    settings, clock = it.settings, it.clock
    if settings.channels.loopback.enabled:
        socket = settings.data.run_dir / "loopback.sock"
        yield Loopback(now=clock.unix, socket=socket, nobody_read=it.nobody_read)
    if settings.channels.deltachat.enabled:
        yield DeltaChat(
            folder=private_folder(deltachat_folder(settings)),
            now=clock.unix,
            display_name=settings.channels.deltachat.name,
            keep_seconds=_longest_life(it.policy, DeltaChat.name),
            identity=deltachat_identity(settings, it.keys),
            nobody_read=it.nobody_read,
        )
    if settings.channels.matrix.enabled:
        yield _matrix(it)
    if settings.channels.signal.enabled:
        yield _signal(it)


def _matrix(it: Making) -> Channel:
    # Its libraries need much memory: only where it is switched on.
    from bots.matrix.account import AccountError, read_account  # noqa: PLC0415 - only where it is switched on
    from bots.matrix.channel import MatrixChannel  # noqa: PLC0415 - only where it is switched on

    folder = private_folder(it.settings.data.courier_dir / MatrixChannel.name)
    try:
        account = read_account(folder)
    except AccountError as error:
        raise FolderRefused(str(error)) from None
    return MatrixChannel(
        account=account,
        folder=folder,
        pickle_key=it.keys.channel_key(MatrixChannel.name),
        now=it.clock.unix,
        log=it.log,
        nobody_read=it.nobody_read,
        proxy=it.settings.channels.matrix.proxy or None,
    )


def _signal(it: Making) -> Channel:
    from bots.signal.channel import SignalChannel  # noqa: PLC0415 - only where it is switched on
    from bots.signal.webhook import Webhook  # noqa: PLC0415 - for the same reason

    settings = it.settings.channels.signal
    folder = private_folder(it.settings.data.courier_dir / SignalChannel.name)
    webhook = None
    if settings.webhook_port:
        listener = socket.create_server(("127.0.0.1", settings.webhook_port))
        webhook = Webhook(listener, f"/{it.keys.channel_key('signal-webhook').hex()}")
    return SignalChannel(
        url=settings.url,
        number=settings.number,
        folder=folder,
        box=it.keys.box_for(SignalChannel.name),
        now=it.clock.unix,
        log=it.log,
        nobody_read=it.nobody_read,
        webhook=webhook,
    )


def _longest_life(policy: Policy, channel: str) -> int:
    """Return how many seconds a conversation of this channel can live at most."""
    return (
        max(promise_for(policy, channel, urgency).absolute_hours for urgency in URGENCIES) * 3_600
    )


def deltachat_folder(settings: Settings) -> Path:
    """Where the core's state lies."""
    named = settings.channels.deltachat.folder
    return Path(named) if named else settings.data.courier_dir / DeltaChat.name


def deltachat_identity(settings: Settings, keys: OwnKeys) -> Identity:
    """Where the account's identity is kept, and under which passphrase."""
    file = settings.data.courier_dir / DeltaChat.name / IDENTITY_FILE
    return Identity(file, keys.identity_passphrase(DeltaChat.name))


def private_folder(folder: Path) -> Path:
    """Make the folder where it is not there; raises `FolderRefused` where others may look in."""
    try:
        folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        open_to_others = folder.stat().st_mode & _OTHERS
    except OSError as error:
        raise FolderRefused(
            f"{folder}: cannot be used ({error.strerror}). Check who owns the folder above it."
        ) from None
    if open_to_others:
        raise FolderRefused(f"{folder}: others may look in. Take that away: chmod go= {folder}")
    return folder
