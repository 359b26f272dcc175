"""The mirror: only the offline key opens it, it is overwritten, and what is forgotten wins."""

import asyncio
import os

import pytest
import pytest_asyncio

from intake_server.keeper_operator import socket_path
from intake_server.mirror_carrier import NotMirrored, bring_back, carry, set_key
from intake_server.settings import DataSettings
from tests.intake_server.keeper.world import Hotline
from vault.keeper_client import KeeperLink
from vault.keeper_protocol import NotYours, Refused, Verb
from vault.mirror import NAME, Copy, new_offline_key, offline_keys, unseal
from vault.mirror_client import MirrorKeeper
from vault.sealing import CannotOpen, box_keys
from vault.slot_files import SLOTS_NAME, TWIN_NAME
from vault.slot_records import RecordKind

HOUR = 3600


class Place:
    """A hotline, the folder for its mirror, and the offline key."""

    def __init__(self, hotline: Hotline) -> None:
        self.hotline = hotline
        self.data = DataSettings(folder=hotline.folder)
        self.disk = hotline.folder / "disk"
        self.disk.mkdir()
        self.key = hotline.folder / "offline.key"
        self.mirror = self.disk / NAME

    async def carry(self):
        return await carry(self.data, self.disk, same_disk=True)

    async def alarms(self) -> dict:
        return (await self.hotline.operator.status())["alarms"]

    def keeper_file(self, name: str) -> bytes:
        return (self.hotline.folder / "keeper" / name).read_bytes()


@pytest_asyncio.fixture
async def place(short_dir):
    hotline = Hotline(short_dir)
    await hotline.open()
    await hotline.set_up()
    made = Place(hotline)
    await set_key(made.data.run_dir, new_offline_key(made.key))
    yield made
    await hotline.close()


async def moved(place) -> Hotline:
    """The hotline on another machine, which has the mirror and the key and nothing else."""
    await place.hotline.close()
    folder = place.hotline.folder / "new"
    folder.mkdir(mode=0o700)
    bring_back(DataSettings(folder=folder), place.mirror, place.key)
    other = Hotline(folder)
    other.clock = place.hotline.clock
    await other.open()
    return other


async def test_it_comes_back_byte_for_byte_with_roster_and_grants(place):
    client, made = await place.hotline.write_in()
    mirrored = await place.carry()
    assert mirrored.place == place.mirror
    assert mirrored.size == place.mirror.stat().st_size
    files = {name: place.keeper_file(name) for name in (SLOTS_NAME, "roster.bin", "grants.bin")}
    other = await moved(place)
    try:
        keeper = other.folder / "keeper"
        assert (keeper / "roster.bin").read_bytes() == files["roster.bin"]
        assert (keeper / "grants.bin").read_bytes() == files["grants.bin"]
        assert (keeper / SLOTS_NAME).read_bytes()[4096:] == files[SLOTS_NAME][4096:]
        assert (keeper / TWIN_NAME).read_bytes() == (keeper / SLOTS_NAME).read_bytes()
        assert (await other.web.find(client.lookup_tag)).reference == made.reference
        assert (await other.operator.status())["alarms"] == {}
    finally:
        await other.close()


async def test_without_the_offline_key_it_tells_nothing_and_opens_for_nobody(place):
    client, made = await place.hotline.write_in()
    await place.carry()
    sealed = place.mirror.read_bytes()
    record = place.hotline.keeper.slots.get(made.reference.slot)
    for secret in (record.s.reveal(), client.lookup_tag, client.conversation_id):
        assert secret not in sealed
    wrong = place.hotline.folder / "wrong.key"
    new_offline_key(wrong)
    with pytest.raises(CannotOpen):
        bring_back(DataSettings(folder=place.hotline.folder / "x"), place.mirror, wrong)
    assert list((place.hotline.folder / "x" / "keeper").iterdir()) == []


@pytest.mark.parametrize("change", ["flip", "cut", "lengthen", "head"])
async def test_one_that_was_changed_does_not_open_and_leaves_nothing(place, change):
    await place.carry()
    sealed = bytearray(place.mirror.read_bytes())
    changed = {
        "flip": lambda: sealed[:-100] + bytes([sealed[-100] ^ 1]) + sealed[-99:],
        "cut": lambda: sealed[:-70_000],
        "lengthen": lambda: sealed + b"\0",
        "head": lambda: b"HLMIRROR\x02" + sealed[9:],
    }[change]()
    place.mirror.write_bytes(changed)
    folder = place.hotline.folder / "x"
    with pytest.raises(CannotOpen):
        bring_back(DataSettings(folder=folder), place.mirror, place.key)
    assert list((folder / "keeper").iterdir()) == []


async def test_a_slot_file_that_is_there_is_never_replaced_by_a_copy(place):
    client, _ = await place.hotline.write_in()
    await place.carry()
    await place.hotline.erase(client)
    before = place.keeper_file(SLOTS_NAME)
    with pytest.raises(NotMirrored, match="knows what was forgotten"):
        bring_back(place.data, place.mirror, place.key)
    assert place.keeper_file(SLOTS_NAME) == before
    with pytest.raises(Refused):
        await place.hotline.web.find(client.lookup_tag)


async def test_the_next_mirror_overwrites_the_one_before_with_what_it_opened(place):
    client, made = await place.hotline.write_in()
    await place.carry()
    with place.mirror.open("rb") as older:  # as a disk that keeps old blocks would
        size = os.fstat(older.fileno()).st_size
        await place.hotline.erase(client)
        await place.carry()
        older.seek(0)
        assert older.read() == bytes(size)
    assert [each.name for each in place.disk.iterdir()] == [NAME]
    other = await moved(place)
    try:
        with pytest.raises(Refused):
            await other.web.find(client.lookup_tag)
        assert other.keeper.slots.get(made.reference.slot) is None
    finally:
        await other.close()


async def test_what_is_being_forgotten_while_it_is_carried_is_free_in_it(place):
    _, made = await place.hotline.write_in()
    slot, slots = made.reference.slot, place.hotline.keeper.slots
    assert slots.block(slot, slot + 1)[0] == RecordKind.CONVERSATION
    freeing = asyncio.create_task(slots.write({slot: None}))
    await asyncio.sleep(0)
    assert slots.is_busy(slot)
    assert slots.block(slot, slot + 1)[0] == RecordKind.FREE
    await freeing


async def test_a_crash_on_the_way_leaves_the_one_before(place):
    await place.carry()
    before = place.mirror.read_bytes()
    copy = Copy(place.disk)
    file = copy.begin()
    file.write(b"half a mirror")
    file.close()  # the carrier is gone
    assert place.mirror.read_bytes() == before
    await place.carry()
    assert [each.name for each in place.disk.iterdir()] == [NAME]
    with (place.hotline.folder / "slots").open("wb") as slots:
        unseal(place.mirror, offline_keys(place.key), slots)


async def test_parts_come_in_order_once_and_only_to_the_operator(place):
    link = KeeperLink(socket_path(place.data.run_dir))
    keeper = MirrorKeeper(link)
    try:
        piece, more = await keeper.part(0)
        assert more is False or len(piece) > 0
        for wrong in (1, len(piece) + 1, 0xFFFFFFFF):
            with pytest.raises(Refused):
                await keeper.part(wrong)
        with pytest.raises(Refused):
            await keeper.done(len(piece) + 1)
        for verb in (Verb.MIRROR_KEY, Verb.MIRROR_PART, Verb.MIRROR_DONE):
            argument = b"" if verb is Verb.MIRROR_KEY else bytes(8)
            for peer in (place.hotline.web, place.hotline.desk, place.hotline.courier):
                with pytest.raises(NotYours):
                    await peer._link.ask(verb, argument)
    finally:
        await link.close()


async def test_its_age_is_watched_through_restarts(place):
    assert await place.alarms() == {}
    place.hotline.clock.turn(2 * HOUR + 1)
    assert "mirror_late" in await place.alarms()
    await place.carry()
    assert await place.alarms() == {}
    assert (await place.hotline.operator.status())["mirrored"] == place.hotline.now()
    await place.hotline.restart()
    assert await place.alarms() == {}
    place.hotline.clock.turn(2 * HOUR + 1)
    assert "mirror_late" in await place.alarms()
    await set_key(place.data.run_dir, None)
    assert await place.alarms() == {}
    with pytest.raises(NotMirrored, match="--new-key"):
        await place.carry()


async def test_a_folder_that_would_be_lost_with_the_data_is_refused(place):
    with pytest.raises(NotMirrored, match="the same disk"):
        await carry(place.data, place.disk)
    with pytest.raises(NotMirrored, match="plugged in"):
        await carry(place.data, place.disk / "missing", same_disk=True)


async def test_a_disk_that_is_full_keeps_the_one_before(place, monkeypatch):
    await place.carry()
    before = place.mirror.read_bytes()
    begin = Copy.begin

    class Full:
        def __init__(self, file):
            self._file = file

        def write(self, _data):
            raise OSError(28, "No space left on device")

        def __getattr__(self, name):
            return getattr(self._file, name)

    monkeypatch.setattr(Copy, "begin", lambda self: Full(begin(self)))
    with pytest.raises(NotMirrored, match="No space left"):
        await place.carry()
    assert place.mirror.read_bytes() == before
    assert [each.name for each in place.disk.iterdir()] == [NAME]


def test_a_key_file_is_made_once_for_its_owner_alone(tmp_path):
    path = tmp_path / "mirror.key"
    public = new_offline_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert offline_keys(path).public == public
    with pytest.raises(FileExistsError):
        new_offline_key(path)
    assert box_keys(offline_keys(path).secret).public == public
