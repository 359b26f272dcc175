"""Forgetting in the database: nothing of it is left in any of its files."""

import os
import sqlite3

import pytest

from tests.vault.rows import (
    NOW,
    an_id,
    files_of,
    first_contact,
    from_client,
    new_conversation,
    occurrences,
    outbox_item,
    outer,
    sealed,
)
from vault import addresses, changes, conversations, drafts, inbox, messages, outbox, sweep
from vault.conversations import Deleted
from vault.sqlite_file import Role, connect

CANARY = b"canary-8e41-to-be-forgotten"


async def fill(database, number):
    """Conversations with the canary in every blob, and their ids."""
    ids = []
    for _ in range(number):
        new = new_conversation(outer_team=outer(CANARY), outer_client=outer(CANARY))
        size = 512 << (len(ids) % 6)  # the larger ones overflow their page
        message = from_client(new.id, envelope=sealed(1, CANARY, size))
        await database.write(first_contact(new, message))

        def more(c, of=new.id):
            drafts.put(c, of, an_id(), sealed(2, CANARY), NOW)
            outbox.add(c, outbox_item(of, outer=outer(CANARY)))
            inbox.note(c, CANARY.ljust(32, b"."), of, NOW)
            addresses.put(c, of, "signal", 9, an_id(), outer(CANARY))
            changes.note(c, of, "message")

        await database.write(more)
        ids.append(new.id)
    return ids


async def test_of_what_is_forgotten_no_byte_is_left(path, database):
    stays = new_conversation()
    await database.write(first_contact(stays))
    ids = await fill(database, 200)
    assert await database.checkpoint() is True
    assert occurrences(path, CANARY) > 1000
    gone = Deleted()
    for batch in sweep.batches(ids):
        gone += await database.write(lambda c, batch=batch: sweep.delete_forgotten(c, batch))
    assert (gone.conversations, gone.messages, gone.drafts, gone.outbox) == (200, 200, 200, 200)
    assert (gone.inbox, gone.addresses, gone.changes) == (1, 200, 400)
    assert occurrences(path, CANARY) > 0  # still in the file until the checkpoint
    await database.vacuum()
    assert await database.checkpoint() is True
    assert occurrences(path, CANARY) == 0
    assert all(occurrences(path, each) == 0 for each in ids)
    left = await database.read(lambda c: messages.of(c, stays.id))
    assert len(left) == 1


async def test_without_secure_delete_the_canary_would_be_found(path, database):
    """What the test above looks for can be found: the search itself is not blind."""
    ids = await fill(database, 20)
    await database.close()
    careless = sqlite3.connect(path)
    careless.execute("PRAGMA secure_delete = OFF")
    careless.execute("PRAGMA foreign_keys = ON")
    with careless:
        careless.executemany("DELETE FROM conversations WHERE id = ?", [(each,) for each in ids])
    careless.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    careless.close()
    assert occurrences(path, CANARY) > 0


async def test_what_was_sent_is_overwritten_without_waiting_for_the_end(path, database):
    new = new_conversation()
    await database.write(first_contact(new))
    item = outbox_item(new.id, outer=outer(CANARY))
    await database.write(lambda c: outbox.add(c, item))
    await database.checkpoint()
    assert occurrences(path, CANARY) == 1
    await database.write(lambda c: outbox.sent(c, item.message))
    assert await database.checkpoint() is True
    assert occurrences(path, CANARY) == 0


async def test_a_replaced_draft_is_overwritten(path, database):
    new, person = new_conversation(), an_id()
    await database.write(first_contact(new))
    await database.write(lambda c: drafts.put(c, new.id, person, sealed(2, CANARY), NOW))
    await database.write(lambda c: drafts.put(c, new.id, person, sealed(2), NOW))
    assert await database.checkpoint() is True
    assert occurrences(path, CANARY) == 0


async def test_rows_go_even_if_a_table_were_forgotten(path, database):
    """The database itself lets nothing outlive its conversation."""
    ids = await fill(database, 3)
    await database.close()
    connection = connect(path, Role.UPKEEP)
    connection.executemany("DELETE FROM conversations WHERE id = ?", [(each,) for each in ids])
    tables = ["messages", "drafts", "outbox", "inbox", "addresses"]
    left = [connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables]
    connection.close()
    assert left == [0] * 5


async def test_screens_are_told_without_naming_what_went(database):
    ids = await fill(database, 3)
    before = await database.read(changes.newest)
    await database.write(lambda c: sweep.delete_forgotten(c, ids))
    assert [
        (each.conversation, each.what)
        for each in await database.read(lambda c: changes.since(c, before))
    ] == [(None, "erased")]
    await database.write(lambda c: sweep.delete_forgotten(c, ids))  # nothing more to tell
    assert await database.read(changes.newest) == before + 1


async def test_a_forgotten_address_leaves_no_byte(path, database):
    new = new_conversation()
    await database.write(first_contact(new))
    await database.write(lambda c: addresses.put(c, new.id, "signal", 9, an_id(), outer(CANARY)))
    references = await database.read(addresses.all_references)
    assert await database.write(lambda c: sweep.delete_addresses(c, references)) == 1
    assert await database.checkpoint() is True
    assert occurrences(path, CANARY) == 0
    assert await database.read(lambda c: conversations.get(c, new.id)) is not None


@pytest.mark.parametrize(("number", "parts"), [(0, 0), (1, 1), (512, 1), (513, 2), (1250, 3)])
def test_batches_are_short_and_complete(number, parts):
    ids = [os.urandom(16) for _ in range(number)]
    cut = list(sweep.batches(ids))
    assert len(cut) == parts
    assert [each for batch in cut for each in batch] == ids
    assert all(len(batch) <= sweep.BATCH for batch in cut)


async def test_the_database_its_log_and_its_line_and_nothing_else_lie_in_the_folder(path, database):
    await fill(database, 5)
    await database.vacuum()
    await database.checkpoint()
    names = {each.name.removeprefix(path.name) for each in files_of(path)}
    assert names == {"", "-wal", "-shm"}
    assert set(path.parent.iterdir()) == {*files_of(path), path.with_name("writers")}
    assert path.with_name("writers").stat().st_size == 16
