"""What the operator asks on the machine itself (docs/keeper.md, 0x50-0x53)."""

from __future__ import annotations

import json
from dataclasses import replace

from intake_server.keeper import mirror_work
from intake_server.keeper.alarms import Alarm
from intake_server.keeper.new_conversations import FILLING, share_used
from intake_server.keeper.parts import Keeper
from intake_server.keeper.shared_work import Arguments, Fields
from vault.keeper_protocol import Peer, number_of
from vault.roster import fingerprint_words
from vault.slot_records import RecordKind


async def status(keeper: Keeper, _peer: Peer, _arguments: Arguments) -> Fields:
    """How the keeper is, as JSON; nothing in it tells one person from another."""
    slots, roster = keeper.slots, keeper.chain.roster
    share = share_used(slots)
    if share > FILLING:
        keeper.alarms.raise_(Alarm.SLOTS_FILLING)
    else:
        keeper.alarms.end(Alarm.SLOTS_FILLING)
    mirror_work.watch(keeper)
    answer = {
        "live": {
            kind.name.lower(): slots.live(kind)
            for kind in RecordKind
            if kind is not RecordKind.FREE
        },
        "records": slots.records,
        "share_used": round(share, 4),
        "damaged": slots.damaged,
        "repaired": slots.copied,
        "alarms": keeper.alarms.standing(),
        "clock_in_doubt": keeper.watch.is_in_doubt,
        "last_time": slots.header.last_time,
        "root_pinned": slots.header.has_root,
        "fingerprint_words": [] if roster is None else list(fingerprint_words(roster.fingerprint)),
        "mirrored": keeper.mirror.done,
        "people": 0 if roster is None else len(roster.people),
    }
    return (json.dumps(answer).encode(),)


async def clock_is_right(keeper: Keeper, _peer: Peer, _arguments: Arguments) -> Fields:
    """End the doubt about the clock."""
    await keeper.watch.trust()
    return ()


async def adopt(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """Take a restored database as the current one."""
    pairing_id, counter = arguments[0], number_of(arguments[1])
    await keeper.slots.write(
        {}, lambda before: replace(before, pairing_id=pairing_id, commits=counter)
    )
    keeper.alarms.end(Alarm.DATABASE_IS_OLD, Alarm.OTHER_DATABASE)
    return ()
