"""The adversary that reads PostgreSQL's log: it finds each row, also one that is deleted."""

import os

import pytest

from tests.postgres import wal
from tests.postgres.vandal import DATABASE, archiving
from tests.vault.rows import first_contact, from_client, new_conversation
from vault import sweep
from vault.engine import Database
from vault.schema import migrate

pytestmark = pytest.mark.skipif(
    "HAVENLINE_TEST_POSTGRES" in os.environ, reason="reads the log of a server of its own"
)


async def test_every_row_that_was_ever_written_is_carved_out_of_the_log():
    with archiving() as server:
        url = server.url(DATABASE)
        migrate(url)
        database = await Database.open(url)
        made = []
        for _ in range(40):
            new = new_conversation()
            message = from_client(new.id)
            await database.write(first_contact(new, message))
            made.append((new, message))
        await database.write(lambda c: sweep.delete_forgotten(c, [new.id for new, _ in made[:20]]))
        await database.close()
        log = b"".join(
            wal.contents(path.read_bytes())
            for path in wal.segments([server.folder / "wal", server.folder / "data" / "pg_wal"])
        )
    found, envelopes = wal.wraps_in(log), wal.envelopes_in(log)
    for new, message in made:
        assert {(new.id, new.outer_team), (new.id, new.outer_client)} <= found
        assert (new.id, message.envelope) in envelopes
    of_one = {message.envelope: new.id for new, message in made}
    ids = set(of_one.values())
    for one, envelope in envelopes:  # and beside no other conversation's id
        assert one == of_one[envelope] or one not in ids
