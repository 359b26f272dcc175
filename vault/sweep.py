"""The database's part of forgetting, in steps that are short enough not to hold others up.

Order (docs/keeper.md): the keeper frees slots and syncs; then, here, rows are deleted in batches,
each its own piece of `Database.write`; then `Database.vacuum` and `Database.checkpoint`, until
that one answers True. Only then are the bytes gone from the files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import Connection, bindparam, delete, select, update

from vault import addresses, changes, conversations, tables
from vault.conversations import Deleted
from vault.rounding import hour_of

BATCH: Final = 512
"""How many conversations are deleted in one piece: some ten milliseconds. Rows and index entries
lie all over the file; what one piece touches twice is written once."""

PRUNE_HOURS: Final = 12
"""Changes are kept at least this long and less than twice as long and one run of the sweep."""

_t: Final = tables.changes.c
_m: Final = tables.meta.c
_MARK: Final = select(_m.prune_below, _m.prune_hour)
_SET_MARK: Final = update(tables.meta).values(
    prune_below=bindparam("below"), prune_hour=bindparam("hour")
)
_PRUNE: Final = delete(tables.changes).where(_t.number <= bindparam("below"))


def batches(ids: Sequence[bytes], size: int = BATCH) -> Iterator[Sequence[bytes]]:
    """`ids` in parts of `size`, one for each `delete_forgotten`."""
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


def delete_forgotten(c: Connection, ids: Sequence[bytes]) -> Deleted:
    """Delete conversations that the keeper has forgotten, with everything that belongs to them.

    Screens are told by one `erased` change without an id.
    """
    gone = conversations.delete(c, ids)
    if gone.conversations:
        changes.note(c, None, "erased")
    return gone


def delete_addresses(c: Connection, references: Sequence[tuple[int, bytes]]) -> int:
    """Delete addresses (slot, tag) that the keeper has forgotten; how many there were."""
    return addresses.delete_forgotten(c, references)


def prune_changes(c: Connection, now: int) -> int:
    """Delete changes that no screen resumes from any more; how many. `now` in seconds.

    Rows carry no time: a mark remembers which number was the newest, and half a day later
    everything up to the mark goes. The newest row stays (see `vault.changes`).
    """
    hour = hour_of(now)
    mark = c.execute(_MARK).one()
    if mark.prune_hour - PRUNE_HOURS <= hour < mark.prune_hour:
        return 0
    newest = changes.newest(c)
    pruned = c.execute(_PRUNE, {"below": min(mark.prune_below, newest - 1)}).rowcount
    c.execute(_SET_MARK, {"below": newest, "hour": hour + PRUNE_HOURS})
    return pruned
