"""Records and disks for the tests of the slot file."""

import os
import signal

from vault.sealing import Secret, random_bytes
from vault.slot_files import SystemDisk
from vault.slot_records import Address, Conversation, RecordKind

NOW = 1_800_000_000
RECORDS = 64


def conversation(**changes) -> Conversation:
    values = {
        "tag": random_bytes(16),
        "conversation_id": random_bytes(16),
        "s": Secret(random_bytes(32)),
        "cpk": random_bytes(32),
        "npk": random_bytes(32),
        "lookup_tag": random_bytes(16),
        "verify_key": random_bytes(32),
        "created": NOW // 60,
        "due": NOW // 60 + 60,
        "latest": NOW // 60 + 600,
        "hold_until": 0,
        "inactivity": 1,
        "closed_after": 1,
        "channel": 1,
    }
    return Conversation(**{**values, **changes})


def address_of(slot: int, owner: Conversation) -> Address:
    return Address(
        tag=random_bytes(16),
        conversation_id=owner.conversation_id,
        s=Secret(random_bytes(32)),
        address_tag=random_bytes(32),
        conversation_slot=slot,
        conversation_tag=owner.tag,
        created=owner.created,
        due=owner.due,
        hours=1,
    )


async def put(slots, record) -> int:
    (slot,) = slots.take(RecordKind.CONVERSATION)
    await slots.write({slot: record})
    return slot


class FailingDisk(SystemDisk):
    """A disk that refuses a write or a sync when told to; what was written before is there."""

    def __init__(self) -> None:
        self.write_fails_after: int | None = None
        self.sync_fails = False

    def write(self, fd, data, offset):
        if self.write_fails_after is not None:
            if self.write_fails_after == 0:
                raise OSError(5, "Input/output error")
            self.write_fails_after -= 1
        super().write(fd, data, offset)

    def sync(self, fd):
        if self.sync_fails:
            raise OSError(28, "No space left on device")
        super().sync(fd)

    def mend(self):
        self.write_fails_after = None
        self.sync_fails = False


class LossyDisk(SystemDisk):
    """A power cut loses whatever was not synced: writes reach the file with the sync alone."""

    def __init__(self) -> None:
        self._waiting = {}

    def write(self, fd, data, offset):
        self._waiting.setdefault(fd, []).append((bytes(data), offset))

    def sync(self, fd):
        for data, offset in self._waiting.pop(fd, ()):
            super().write(fd, data, offset)


class HalfSyncedDisk(LossyDisk):
    """The power goes when the first of the two files is synced, once this is armed."""

    def __init__(self) -> None:
        super().__init__()
        self.is_armed = False

    def sync(self, fd):
        super().sync(fd)
        if self.is_armed:
            os.kill(os.getpid(), signal.SIGKILL)
