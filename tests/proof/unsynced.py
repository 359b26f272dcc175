"""A disk that loses what was not synced, on paper: a record of tests/proof/recorder.c, cut off.

At a moment of the record, what each file holds is made up anew: everything before its last sync,
and of what came after it any part, in sectors of 512 bytes, as a disk that reorders and tears
would leave it. Who was told what by then stands in the record as well.

What it does not play: a disk that lies about a sync, a sector that is torn itself, and a name
(new, renamed, deleted file) that is lost although the file's bytes were synced; the program at
work makes no names but SQLite's log.
"""

import random
import shutil
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

SECTOR = 512
TOLD = "told"


@dataclass(frozen=True)
class Entry:
    """One call: write (at, data), truncate (at), sync or unlink."""

    what: str
    path: str
    at: int = 0
    data: bytes = b""


def read_record(record: Path, under: Path) -> list[Entry]:
    """The entries in order; paths are those below the folder."""
    raw, at, found = record.read_bytes(), 0, []
    while at < len(raw):
        end = raw.index(b"\n", at)
        what, _, rest = raw[at:end].decode().partition(" ")
        at = end + 1
        data, place = b"", 0
        if what == "write":
            offset, size, rest = rest.split(" ", 2)
            place, data = int(offset), raw[at : at + int(size)]
            at += int(size)
        elif what == "truncate":
            size, rest = rest.split(" ", 1)
            place = int(size)
        elif what == "rename":
            raise AssertionError("a name was changed; this record cannot be replayed")
        if rest.startswith(str(under)):
            found.append(Entry(what, str(Path(rest).relative_to(under)), place, data))
    return found


def told_by(entries: list[Entry]) -> list[str]:
    """What somebody was told in these entries."""
    said = b"".join(each.data for each in entries if each.path == TOLD)
    return said.decode().splitlines()


def cut_off(base: Path, entries: list[Entry], lots: random.Random, target: Path) -> None:
    """Make in `target` what a disk may hold after these entries, which began on `base`."""
    shutil.copytree(base, target, ignore=shutil.ignore_patterns("run", "*-shm", TOLD))
    calls: dict[str, list[Entry]] = defaultdict(list)
    for each in entries:
        if each.path != TOLD and not each.path.endswith("-shm"):
            calls[each.path].append(each)
    for path, done in calls.items():
        file = target / path
        if file.is_dir():  # a folder that was synced: names are not played here
            continue
        synced = max((i for i, each in enumerate(done) if each.what == "sync"), default=-1)
        image: bytearray | None = bytearray(file.read_bytes()) if file.exists() else bytearray()
        for each in done[: synced + 1]:
            image = _applied(image, each)
        share = lots.choice((0.0, 0.2, 0.5, 0.8, 1.0))
        for each in done[synced + 1 :]:
            for part in _sectors(each):
                if lots.random() < share:
                    image = _applied(image, part)
        if image is None:
            file.unlink(missing_ok=True)
        else:
            file.write_bytes(image)
            file.chmod(0o600)


def _applied(image: bytearray | None, each: Entry) -> bytearray | None:
    image = bytearray() if image is None else image
    match each.what:
        case "write":
            image.extend(bytes(max(0, each.at - len(image))))
            image[each.at : each.at + len(each.data)] = each.data
        case "truncate":
            del image[each.at :]
            image.extend(bytes(each.at - len(image)))
        case "unlink":
            return None
    return image


def _sectors(each: Entry) -> list[Entry]:
    if each.what != "write":
        return [each]
    parts, at, data = [], each.at, each.data
    while data:
        size = SECTOR - at % SECTOR
        parts.append(Entry("write", each.path, at, data[:size]))
        at, data = at + size, data[size:]
    return parts
