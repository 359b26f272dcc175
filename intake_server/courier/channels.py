"""Which channels the courier runs, each made with what it needs and no more.

A channel's state lies in a folder of its own that is for nobody else; its account's identity lies
beside it, encrypted under a passphrase from the courier's seed, so that both come back together
from one backup.
"""

import socket
import stat
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from structlog.typing import FilteringBoundLogger

from bots.canary import Voice
from bots.channel import Channel, ChannelCannotStart
from bots.deltachat.account import Identity
from bots.deltachat.channel import DeltaChat
from bots.deltachat.voice import DeltaVoice
from bots.loopback import Loopback
from intake_server.clock import Clock
from intake_server.courier.joining import Joining
from intake_server.courier.own_keys import OwnKeys
from intake_server.lent_sockets import LOCAL, SIGNAL_WEBHOOK, Lent, borrowed
from intake_server.settings import Settings
from triage.retention import URGENCIES, Policy, promise_for

if TYPE_CHECKING:
    from bots.matrix.identity import Place
    from bots.signal.webhook import Webhook

MATRIX: Final = "matrix"  # by name: their modules are read only where they are switched on
SIGNAL: Final = "signal"
INVITE_FILE: Final = "invite.txt"
DELTACHAT_CANARY: Final = "deltachat-canary"
MATRIX_CANARY: Final = "matrix-canary"
LENT: Final = "courier-files"  # in the runtime folder: files on their way to the core
IDENTITY_FILE: Final = "identity.backup"
_PRIVATE: Final = stat.S_IRWXU
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class FolderRefused(ChannelCannotStart):
    """A channel's folder cannot be used; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Making:
    """What channels are made with.

    `nobody_read`: what is said to who writes unencrypted. `lent`: sockets that others hold open.
    """

    settings: Settings
    policy: Policy
    keys: OwnKeys
    clock: Clock
    log: FilteringBoundLogger
    nobody_read: str
    lent: Lent = field(default_factory=dict)


def channels_of(it: Making) -> list[Joining]:
    """Return the channels that the settings switch on, neither made nor started."""
    wanted = it.settings.channels
    return [
        Joining(name, sends_once, partial(make, it), it.log)
        for name, is_on, sends_once, make in (
            (Loopback.name, wanted.loopback.enabled, Loopback.sends_once, _loopback),
            (DeltaChat.name, wanted.deltachat.enabled, DeltaChat.sends_once, _deltachat),
            (MATRIX, wanted.matrix.enabled, True, _matrix),
            (SIGNAL, wanted.signal.enabled, False, _signal),
        )
        if is_on
    ]


async def _loopback(it: Making) -> Channel:
    place = it.settings.data.run_dir / "loopback.sock"
    return Loopback(now=it.clock.unix, socket=place, nobody_read=it.nobody_read)


async def _deltachat(it: Making) -> Channel:
    return DeltaChat(
        folder=private_folder(deltachat_folder(it.settings)),
        now=it.clock.unix,
        display_name=it.settings.channels.deltachat.name,
        keep_seconds=_longest_life(it.policy, DeltaChat.name),
        identity=deltachat_identity(it.settings, it.keys),
        nobody_read=it.nobody_read,
        lending=it.settings.data.run_dir / LENT,
    )


async def _matrix(it: Making) -> Channel:
    # Its libraries need much memory: only where it is switched on.
    from bots.matrix import identity  # noqa: PLC0415 - only where it is switched on
    from bots.matrix.account import read_account  # noqa: PLC0415 - only where it is switched on
    from bots.matrix.channel import MatrixChannel  # noqa: PLC0415 - only where it is switched on

    place = matrix_place(it.settings, it.keys)
    if place.identity.is_file() and not identity.has_account(place.folder):
        await identity.bring_back(place)
        it.log.warning("channel_brought_back", channel=MATRIX)
    account = read_account(place.folder)
    return MatrixChannel(
        account=account,
        folder=place.folder,
        pickle_key=place.pickle_key,
        is_identity_kept=not identity.is_spent(place, account),
        now=it.clock.unix,
        log=it.log,
        nobody_read=it.nobody_read,
        proxy=it.settings.channels.matrix.proxy or None,
    )


def matrix_place(settings: Settings, keys: OwnKeys) -> "Place":
    """Where the Matrix account lies, and what seals it. Raises `FolderRefused`."""
    from bots.matrix.identity import Place  # noqa: PLC0415 - only where it is switched on

    folder = private_folder(channel_folder(settings, MATRIX))
    return Place(
        folder=folder,
        identity=folder / IDENTITY_FILE,
        box=keys.box_for(f"{MATRIX}-identity"),
        pickle_key=keys.channel_key(MATRIX),
        proxy=settings.channels.matrix.proxy,
    )


def voices_of(it: Making) -> dict[str, Voice]:
    """Return the second accounts that write to the hotline, by channel."""
    wanted, voices = it.settings.channels, dict[str, Voice]()
    if wanted.signal.enabled and wanted.signal.canary_number:
        from bots.signal.voice import SignalVoice  # noqa: PLC0415 - only where it is switched on

        folder = channel_folder(it.settings, SIGNAL)
        voices[SIGNAL] = SignalVoice(wanted.signal.url, wanted.signal.canary_number, folder)
    if wanted.deltachat.enabled and wanted.deltachat.canary:
        invite = channel_folder(it.settings, DeltaChat.name) / INVITE_FILE
        voices[DeltaChat.name] = DeltaVoice(channel_folder(it.settings, DELTACHAT_CANARY), invite)
    if wanted.matrix.enabled and wanted.matrix.canary:
        from bots.matrix.voice import MatrixVoice  # noqa: PLC0415 - only where it is switched on

        voices[MATRIX] = MatrixVoice(
            channel_folder(it.settings, MATRIX_CANARY),
            it.keys.channel_key(MATRIX_CANARY),
            channel_folder(it.settings, MATRIX),
            wanted.matrix.proxy or None,
        )
    return voices


async def _signal(it: Making) -> Channel:
    from bots.signal.channel import SignalChannel  # noqa: PLC0415 - only where it is switched on

    settings = it.settings.channels.signal
    folder = private_folder(channel_folder(it.settings, SIGNAL))
    webhook = _webhook(it)
    try:
        return SignalChannel(
            url=settings.url,
            number=settings.number,
            folder=folder,
            box=it.keys.box_for(SIGNAL),
            now=it.clock.unix,
            log=it.log,
            nobody_read=it.nobody_read,
            webhook=webhook,
        )
    except (ValueError, OSError) as error:
        if webhook is not None:
            webhook.close()
        if isinstance(error, OSError):
            raise ChannelCannotStart(f"{folder}: cannot be written ({error.strerror}).") from None
        raise ChannelCannotStart(f"channels.signal.url: {error}.") from None


def _webhook(it: Making) -> "Webhook | None":
    from bots.signal.webhook import Webhook  # noqa: PLC0415 - only where it is switched on

    port = it.settings.channels.signal.webhook_port
    if not port:
        return None
    if SIGNAL_WEBHOOK in it.lent:
        ours = _lent_webhook(it.lent[SIGNAL_WEBHOOK], port)
        return Webhook(ours, webhook_path(it.keys), is_lent=False)
    try:
        listener = socket.create_server((LOCAL, port))
    except OSError as error:
        raise ChannelCannotStart(
            f"port {port} of channels.signal.webhook_port cannot be opened ({error.strerror}). End "
            "what listens there, or choose another port in both places."
        ) from None
    return Webhook(listener, webhook_path(it.keys), is_lent=False)


def _lent_webhook(file: int, port: int) -> socket.socket:
    """The socket that is held open for us, where it is the one that the settings mean."""
    try:
        listener = borrowed(file)
    except OSError:
        raise ChannelCannotStart(
            "the socket that is held open for Signal's webhook is none. Start Havenline anew."
        ) from None
    if listener.getsockname() != (LOCAL, port):
        listener.close()
        raise ChannelCannotStart(
            f"the socket that is held open for Signal's webhook is not {LOCAL}, port {port} "
            "(channels.signal.webhook_port). Write the same port into the socket unit."
        )
    return listener


def webhook_path(keys: OwnKeys) -> str:
    """Return the secret path under which Signal's server posts what arrives."""
    return f"/{keys.channel_key('signal-webhook').hex()}"


def channel_folder(settings: Settings, channel: str) -> Path:
    """Where a channel's state lies."""
    return settings.data.courier_dir / channel


def _longest_life(policy: Policy, channel: str) -> int:
    """Return how many seconds a conversation of this channel can live at most."""
    return (
        max(promise_for(policy, channel, urgency).absolute_hours for urgency in URGENCIES) * 3_600
    )


def deltachat_folder(settings: Settings) -> Path:
    """Where the core's state lies."""
    named = settings.channels.deltachat.folder
    return Path(named) if named else settings.data.courier_dir / DeltaChat.name


def deltachat_identity(
    settings: Settings, keys: OwnKeys, account: str = DeltaChat.name
) -> Identity:
    """Where an account's identity is kept, and under which passphrase."""
    file = channel_folder(settings, account) / IDENTITY_FILE
    return Identity(file, keys.identity_passphrase(account))


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
