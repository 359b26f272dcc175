"""Carries the keeper's mirror to another disk, and brings it back onto a machine without keys."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from intake_server.keeper_operator import socket_path
from intake_server.settings import DataSettings
from vault import private_files
from vault.keeper_client import KeeperDown, KeeperLink
from vault.keeper_protocol import KeeperRefusal
from vault.mirror import Content, Copy, offline_keys, unseal
from vault.mirror_client import MirrorKeeper

EVERY_SECONDS = 3_600.0
_SLOTS = ("slots.twin", "slots.bin")  # in this order: with the last one they count


class NotMirrored(Exception):
    """There is no new mirror; the text says why and what to do."""


@dataclass(frozen=True)
class Mirrored:
    """Where the mirror lies, its bytes, and when it was made (seconds since 1970)."""

    place: Path
    size: int
    made: int


async def set_key(run: Path, public: bytes | None) -> None:
    """Have the keeper seal to this key, or make no mirror any more. Raises NotMirrored."""
    link = KeeperLink(socket_path(run))
    try:
        keeper = MirrorKeeper(link)
        await (keeper.end() if public is None else keeper.set_key(public))
    except (KeeperDown, KeeperRefusal) as error:
        raise NotMirrored(f"The keeper did not help: {error}.") from None
    finally:
        await link.close()


async def carry(data: DataSettings, folder: Path, *, same_disk: bool = False) -> Mirrored:
    """Write a new mirror over the one in `folder`. Raises NotMirrored; the old one stays then."""
    check_folder(data, folder, same_disk=same_disk)
    link = KeeperLink(socket_path(data.run_dir))
    try:
        keeper = MirrorKeeper(link)
        if not await keeper.key():
            raise NotMirrored(
                "There is no key for the mirror yet. Make one on a stick that is kept offline: "
                f"havenline mirror {folder} --new-key /media/stick/mirror.key"
            )
        return await _carry(keeper, Copy(folder))
    except KeeperDown:
        raise NotMirrored(f"Havenline is not running with {data.folder}. Start it.") from None
    except KeeperRefusal:
        raise NotMirrored("Somebody else asked for a mirror meanwhile. Try again.") from None
    except OSError as error:
        raise NotMirrored(
            f"The mirror cannot be written to {folder} ({error.strerror}). The one before stays."
        ) from None
    finally:
        await link.close()


def check_folder(data: DataSettings, folder: Path, *, same_disk: bool) -> None:
    """Raises NotMirrored where the folder is missing, or would be lost with the data."""
    if not folder.is_dir():
        raise NotMirrored(f"{folder} is not there. Is the disk plugged in and mounted?")
    is_same = folder.stat().st_dev == data.folder.stat().st_dev
    if is_same and not same_disk:
        raise NotMirrored(
            f"{folder} lies on the same disk as {data.folder}, and would be lost with it. Is the "
            "other disk mounted there? For a trial: --same-disk"
        )


async def _carry(keeper: MirrorKeeper, copy: Copy) -> Mirrored:
    file, size, more = await asyncio.to_thread(copy.begin), 0, True
    try:
        while more:
            piece, more = await keeper.part(size)
            file.write(piece)
            size += len(piece)
        await asyncio.to_thread(copy.finish, file)
    except BaseException:
        if not file.closed:
            copy.give_up(file)
        raise
    return Mirrored(copy.place, size, await keeper.done(size))


async def keep_carrying(data: DataSettings, folder: Path, log: FilteringBoundLogger) -> None:
    """Carry every hour; what cannot be done is logged, and the keeper's alarm tells a person."""
    while True:
        try:
            await carry(data, folder)
        except NotMirrored as why:
            log.warning("mirror_failed", exc_info=why)
        await asyncio.sleep(EVERY_SECONDS)


# --- bringing it back -----------------------------------------------------------------------


def bring_back(data: DataSettings, source: Path, key: Path) -> Content:
    """Put the keeper's files in place from a mirror, where there is no slot file.

    A slot file that is there is never touched: what is free in it was forgotten. Raises
    NotMirrored, CannotOpen, KeyFileRefused, OSError; then nothing is in place.
    """
    folder = data.keeper_dir
    found = [name for name in (*_SLOTS, "roster.bin") if (folder / name).exists()]
    if found:
        raise NotMirrored(
            f"There is a {found[0]} in {folder}. It knows what was forgotten since the mirror was "
            "made, so it is not replaced. Only where it is the empty one of a first start, move "
            f"{folder} away and run this again."
        )
    private_files.make_folder(folder)
    keys = offline_keys(key)
    news = [folder / f"{name}.mirrored" for name in _SLOTS]
    try:
        for new in news:
            private_files.remove(new)
            with private_files.create(new) as file:
                content = unseal(source, keys, file)
                private_files.sync(file)
    except BaseException:
        for new in news:
            private_files.remove(new)
        raise
    for name, body in (("roster.bin", content.roster), ("grants.bin", content.grants)):
        if body:
            _put(folder / name, body)
    for new, name in zip(news, _SLOTS, strict=True):
        private_files.replace(new, folder / name)
    os.sync()
    return content


def _put(place: Path, body: bytes) -> None:
    new = place.with_name(f"{place.name}.mirrored")
    private_files.remove(new)
    with private_files.create(new) as file:
        file.write(body)
        private_files.sync(file)
    private_files.replace(new, place)
