"""Expiry is forgetting: not with every backup ever taken, every key, every password."""

import json
import shutil
import sqlite3

import pytest

from tests.flows.people import Client, to_bytes
from tests.flows.plunder import Loot
from tests.flows.stack import until
from vault.sealing import CannotOpen

pytestmark = [pytest.mark.proof, pytest.mark.timeout(400)]

DAY = 86_400


def alarmed(stack, alarm):
    """Whether a process of a stack tells of this; its first look may come after it is healthy."""
    return any(alarm in part["alarms"] for part in stack.status().get("processes", []))


class Vandal:
    """Copies everything it can reach, as often as it likes."""

    def __init__(self, stack, folder):
        self.stack, self.folder = stack, folder
        self.loot = Loot()
        self.backups = []
        self.passphrase = folder / "passphrase"
        self.passphrase.write_text("quite a long passphrase for backups\n")

    def take_backup(self):
        """One encrypted backup by the product, and one raw copy of the database."""
        number = len(self.backups)
        backup = self.folder / f"backup-{number}"
        self.stack.cli("backup", str(backup), "--passphrase-file", str(self.passphrase))
        self.backups.append(backup)
        self.copy_database(number)

    def copy_database(self, number):
        """All rows as they are now, beside those that were copied before."""
        source = sqlite3.connect(self.stack.data / "database" / "havenline.sqlite3")
        copy = self.folder / f"copy-{number}.sqlite3"
        with sqlite3.connect(copy) as target:
            source.backup(target)
        target.close()
        source.close()
        self.loot.databases.append(copy)

    def take_slots(self):
        """Slot file and twin as they are now; an earlier copy is the limit that the docs state."""
        keeper = self.stack.data / "keeper"
        self.loot.slot_files = [
            (keeper / name).read_bytes() for name in ("slots.bin", "slots.twin")
        ]

    def opens(self):
        """Every text that opens, by conversation."""
        return self.loot.read_everything()


@pytest.fixture
def vandal(stack, tmp_path):
    return Vandal(stack, tmp_path)


async def restart_later(stack, ana, days):
    """Start the whole stack with its clock ahead; the operator says that the clock is right."""
    await stack.stop()
    stack.turn_clock(days)
    ana.offset, ana.session = days * DAY, ""
    await stack.start()
    stack.cli("clock-is-right", "--yes")
    stack.cli("sweep")


async def write_some(stack, net, texts):
    clients = {}
    for text in texts:
        client = Client(stack, net)
        await client.write_first(text)
        clients[text] = client
    return clients


async def test_no_backup_opens_what_was_forgotten_and_every_backup_opens_the_rest(
    stack, net, ana, vandal
):
    clients = await write_some(stack, net, ["erased by client", "expires", "closed", "kept alive"])
    vandal.take_backup()
    await ana.claim(clients["closed"].conversation)
    await (await ana.open(clients["closed"].conversation)).close()
    vandal.take_backup()
    vandal.take_slots()
    vandal.loot.team_seeds = [ana.team_seed]
    vandal.loot.phrases = [client.own for client in clients.values()]
    everything = vandal.loot.read_everything()
    assert sorted(text for texts in everything.values() for text in texts) == sorted(clients)

    await clients["erased by client"].erase()
    vandal.take_backup()
    vandal.take_slots()
    opened = vandal.loot.read_everything()
    assert clients["erased by client"].conversation not in opened
    assert len(opened) == 3

    await restart_later(stack, ana, 8)
    alive = Client(stack, net, phrase=clients["kept alive"].phrase)
    await alive.come_back()
    await alive.write("still here")
    with pytest.raises(CannotOpen):
        await Client(stack, net, phrase=clients["closed"].phrase).come_back()
    vandal.take_backup()

    await restart_later(stack, ana, 15)
    vandal.take_backup()
    vandal.take_slots()
    opened = vandal.loot.read_everything()
    assert set(opened) == {clients["kept alive"].conversation}
    assert "kept alive" in opened[clients["kept alive"].conversation]

    await restored_brings_nothing_back(stack, net, ana, vandal, clients)


async def restored_brings_nothing_back(stack, net, ana, vandal, clients):
    """The oldest backup, restored by the product itself."""
    await stack.stop()
    oldest = vandal.backups[0]
    printed = stack.cli(
        "restore", str(oldest), "--passphrase-file", str(vandal.passphrase), "--yes"
    )
    assert "stay forgotten" in printed
    await stack.start()
    for text, client in clients.items():
        fresh = Client(stack, net, phrase=client.phrase)
        if text == "kept alive":
            assert [m.text for m in await fresh.come_back()] == ["kept alive"]
        else:
            with pytest.raises(CannotOpen):
                await fresh.come_back()
    ana.session = ""
    await ana.sign_in()
    assert [to_bytes(row["conversation"]) for row in await ana.queue()] == [
        clients["kept alive"].conversation
    ]


async def test_a_copied_old_database_is_noticed_and_frees_nothing(stack, net, ana):
    """Swapped in behind the product's back: what it does not know is not taken for orphans."""
    database = stack.data / "database" / "havenline.sqlite3"
    await stack.stop()
    old = database.read_bytes()
    await stack.start()
    client = Client(stack, net)
    await client.write_first("written after the copy")
    await stack.stop()
    for suffix in ("-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    newest = database.read_bytes()
    database.write_bytes(old)
    await stack.start()
    await until(lambda: alarmed(stack, "database_is_old"), "the old database is noticed")
    await stack.stop()
    database.write_bytes(newest)
    await stack.start()
    assert [m.text for m in await client.come_back()] == ["written after the copy"]
    assert ana.seed


async def test_a_clock_far_ahead_forgets_nothing_until_somebody_says_it_is_right(stack, net, ana):
    client = Client(stack, net)
    await client.write_first("not yet")
    await stack.stop()
    stack.turn_clock(400)
    await stack.start()
    stack.cli("sweep", check=False)
    assert "clock" in json.dumps(stack.status())
    stack.cli("clock-is-right", "--yes")
    stack.cli("sweep")
    with pytest.raises(CannotOpen):
        await Client(stack, net, phrase=client.phrase).come_back()
    await stack.stop()
    stack.environment = {}
    refused = stack.cli("up", check=False)
    assert "clock" in (refused + stack.log.read_text()[-2000:]).lower(), "it does not go back"
    assert ana.seed


async def test_erasing_needs_no_space_and_no_database(stack, net, ana):
    """The keeper's overwrite is the point of no return; the rows are the sweep's business."""
    client = Client(stack, net)
    await client.write_first("erase me")
    slots = stack.data / "keeper" / "slots.bin"
    before = slots.read_bytes()
    lock = sqlite3.connect(stack.data / "database" / "havenline.sqlite3", isolation_level=None)
    lock.execute("begin immediate")
    try:
        await client.erase()
    finally:
        lock.execute("rollback")
        lock.close()
    loot = Loot(slot_files=[slots.read_bytes()], team_seeds=[ana.team_seed], phrases=[client.own])
    copy = stack.folder / "copy.sqlite3"
    shutil.copy(stack.data / "database" / "havenline.sqlite3", copy)
    loot.databases = [copy]
    assert loot.read_everything() == {}
    assert slots.read_bytes() != before
    assert len(slots.read_bytes()) == len(before)

    async def swept():
        stack.cli("sweep")
        return await ana.row(client.conversation) is None

    await until(swept, "the rows are gone too")


async def test_what_is_due_cannot_be_lengthened_past_what_was_promised(stack, net, ana):
    client = Client(stack, net)
    stored = await client.write_first("promise")
    assert await client.change_due(stored["latest"] + DAY) == stored["latest"]
    assert await client.change_due(stored["latest"]) == stored["latest"]
    assert ana.session
