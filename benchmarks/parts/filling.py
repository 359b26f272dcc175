"""A hotline that is full: slots and rows of conversations that nobody has to write one by one.

Each has a living record in the keeper, a row with wraps and one sealed message of the sizes that
real ones have; what is sealed is random, since nothing here opens it. Seven of ten wait, one of
ten is held by a colleague who is not there, two of ten are answered.
"""

import os
import random

from sqlalchemy import insert

from triage.conversation import State
from vault import slot_records, tables
from vault.conversations import STEP
from vault.engine import Database
from vault.sealing import Secret, random_bytes
from vault.slot_records import NO_TAG, Channel, RecordKind
from vault.slots import Slots

AT_ONCE = 500
DAYS = 3  # since when at most somebody waits
HOURS = 14 * 24
COLLEAGUE = bytes(range(16))


def _record(now: int, due: int) -> slot_records.Conversation:
    return slot_records.Conversation(
        tag=random_bytes(16),
        conversation_id=random_bytes(16),
        s=Secret(random_bytes(32)),
        cpk=random_bytes(32),
        npk=random_bytes(32),
        lookup_tag=random_bytes(16) or NO_TAG,
        verify_key=random_bytes(32),
        created=now // 60,
        due=due // 60,
        latest=now // 60 + 2 * HOURS * 60,
        hold_until=0,
        inactivity=HOURS,
        closed_after=HOURS,
        channel=Channel.WEB,
        is_known=True,
    )


def _row(number: int, slot: int, record, now: int, lots: random.Random) -> dict:
    state = lots.choices((State.WAITING, State.CLAIMED, State.RESTING), (7, 1, 2))[0]
    waits = (now - lots.randrange(DAYS * 86_400)) // 60
    return {
        "row": number,
        "id": record.conversation_id,
        "slot": slot,
        "tag": record.tag,
        "channel": "web",
        "language": lots.choice(("en", "es", "uk", "")),
        "state": state.value,
        "urgency": lots.choices(range(4), (4, 4, 2, 0.2))[0],
        "urgency_by": "screened",
        "holder": COLLEAGUE if state is State.CLAIMED else None,
        "claimed_hour": now // 3600 if state is State.CLAIMED else None,
        "waiting_minute": None if state is State.RESTING else waits,
        "created_hour": waits // 60,
        "due_hour": -(-record.due // 60),
        "latest_hour": -(-record.latest // 60),
        "epoch": 1,
        "last_number": STEP,
        "read_up_to": 0,
        "answered": state is State.RESTING,
        "outer_team": b"\1\1\x20" + os.urandom(211),
        "outer_client": b"\1\1\x20" + os.urandom(207),
    }


def _message(number: int, row: dict) -> dict:
    return {
        "row": number,
        "conversation": row["id"],
        "id": os.urandom(16),
        "number": STEP,
        "kind": 1,
        "direction": 1,
        "hour": row["created_hour"],
        "envelope": b"\1\1\1" + os.urandom(48 + 512),
    }


async def fill(slots: Slots, database: Database, number: int, now: int, due: int) -> None:
    """So many more conversations, made at `now` and due at `due` (seconds)."""
    lots = random.Random(number)
    while number > 0:
        part = min(number, AT_ONCE)
        records = {slots.take(RecordKind.CONVERSATION)[0]: _record(now, due) for _ in range(part)}
        await slots.write(records)
        await database.write(lambda c, records=records: _store(c, records, now, lots))
        number -= part


def _store(c, records: dict, now: int, lots: random.Random) -> None:
    at = {
        table: (c.exec_driver_sql(f"SELECT max(row) FROM {table}").scalar() or 0) + 1
        for table in ("conversations", "messages")
    }
    rows = [
        _row(at["conversations"] + place, slot, record, now, lots)
        for place, (slot, record) in enumerate(records.items())
    ]
    c.execute(insert(tables.conversations), rows)
    parts = [_message(at["messages"] + place, row) for place, row in enumerate(rows)]
    c.execute(insert(tables.messages), parts)
