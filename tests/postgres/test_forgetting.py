"""PostgreSQL cannot erase: what was forgotten is in every base backup and in WAL, as noise."""

import shutil
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from tests.flows.people import Client, Counsellor
from tests.flows.plunder import Loot
from tests.flows.stack import a_stack, http
from tests.postgres.server import as_server, programs, psql, running, started
from tests.postgres.vandal import archive_in, looted
from vault import postgres_roles
from vault.sealing import CannotOpen

pytestmark = [pytest.mark.long, pytest.mark.proof, pytest.mark.timeout(400)]

ERASED, ALIVE = "erased by the client 5d1e", "kept alive 77aa"


@pytest.fixture
def folder():
    folder = Path(tempfile.mkdtemp(prefix="hlpg"))
    yield folder
    shutil.rmtree(folder)


def take_base_backup(server, folder):
    """What an administrator's own backup of PostgreSQL is: all files, and the WAL since."""
    target = folder / "base"
    target.mkdir()
    target.chmod(0o777)
    subprocess.run(
        as_server(
            *(str(programs() / "pg_basebackup"), "-h", server.host, "-U", "postgres"),
            *("-D", str(target / "data"), "-X", "stream", "--checkpoint=fast"),
        ),
        check=True,
        timeout=120,
        cwd="/",
    )
    return target


def envelopes(copy, conversation):
    with closing(sqlite3.connect(copy)) as file:
        found = "SELECT envelope FROM messages WHERE conversation = ?"
        return [row[0] for row in file.execute(found, (conversation,))]


def slots(stack):
    return [(stack.data / "keeper" / name).read_bytes() for name in ("slots.bin", "slots.twin")]


def every_byte(folder):
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_no_base_backup_and_no_wal_opens_what_was_forgotten(folder):
    with running(folder, more=archive_in(folder) + "log_statement = all\n") as server:
        psql(server.superuser, postgres_roles.script("havenline", "havenline"))
        more = f'[data]\ndatabase_url = "{server.url("havenline")}"\n'
        async with http() as net, a_stack(more=more) as stack:
            await the_proof(stack, net, server, folder)


async def the_proof(stack, net, server, folder):
    ana = Counsellor(stack, net)
    await ana.set_up()
    await ana.sign_in()
    erased, alive = Client(stack, net), Client(stack, net)
    await erased.write_first(ERASED)
    await alive.write_first(ALIVE)

    passphrase, backup = folder / "passphrase", folder / "backup.hlb"
    passphrase.write_text("quite a long passphrase for backups\n")
    stack.cli("backup", str(backup), "--passphrase-file", str(passphrase))
    base = take_base_backup(server, folder)

    loot = Loot(team_seeds=[ana.team_seed], phrases=[erased.own, alive.own])
    loot.databases.append(looted(server, folder / "live.sqlite3"))
    loot.slot_files = slots(stack)
    texts = [text for texts in loot.read_everything().values() for text in texts]
    assert sorted(texts) == [ERASED, ALIVE]  # as long as it is not forgotten, keys open it
    (noise, *_) = envelopes(folder / "live.sqlite3", erased.conversation)

    await erased.erase()
    stack.cli("sweep")
    loot.slot_files = slots(stack)  # an older slot file is the limit that the documents state
    with server.as_superuser() as raw:
        raw.execute("SELECT pg_switch_wal()")
    with_wal = every_byte(folder)
    assert noise in with_wal  # PostgreSQL has erased nothing …
    assert ERASED.encode() not in with_wal
    assert ALIVE.encode() not in with_wal
    with started_from(base) as old:
        loot.databases.append(looted(old, folder / "old.sqlite3"))
    assert len(envelopes(folder / "old.sqlite3", erased.conversation)) >= 1
    opened = loot.read_everything()
    assert set(opened) == {alive.conversation}  # … and nothing of it opens

    await restored_brings_nothing_back(stack, net, ana, (backup, passphrase), (erased, alive))
    assert not list((stack.data / "database").iterdir())


def started_from(base):
    """A server on the base backup; it plays the WAL that was copied with it."""
    settings = base / "data" / "postgresql.conf"
    text = settings.read_text().replace("archive_mode = on", "archive_mode = off")
    with settings.open("w") as file:
        file.write(text + f"\nunix_socket_directories = '{base}'\n")
    return started(base)


async def restored_brings_nothing_back(stack, net, ana, kept, clients):
    """The product's own backup, restored by the product itself."""
    backup, passphrase = kept
    erased, alive = clients
    await stack.stop()
    said = stack.cli("restore", str(backup), "--yes", "--passphrase-file", str(passphrase))
    assert "1 conversation came back." in said
    assert "1 conversation was forgotten since the backup. It stays forgotten." in said
    ana.session = ""
    await stack.start()
    back = Client(stack, net, phrase=alive.phrase)
    assert len(await back.come_back()) == 1
    await back.write("still here")
    with pytest.raises(CannotOpen):
        await Client(stack, net, phrase=erased.phrase).come_back()
    assert "database_is_old" not in str(stack.status())
