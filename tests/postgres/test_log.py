"""Nothing that a statement carries reaches PostgreSQL's log, however talkative the server is."""

import shutil
from contextlib import closing

import psycopg
import pytest

from tests.postgres.server import SHARED, TALKATIVE, running, short_lived
from tests.vault.rows import (
    NOW,
    an_id,
    from_client,
    from_team,
    new_conversation,
    outbox_item,
    outer,
    sealed,
)
from vault import (
    addresses,
    changes,
    conversations,
    counts,
    drafts,
    inbox,
    messages,
    meta,
    outbox,
    staff,
    sweep,
    team_changes,
)
from vault.engine import Database, DatabaseFailed
from vault.messages import NOTE
from vault.staff import StaffRow

WORD = "canary9f3b"
CANARY = WORD.encode()
ID = CANARY + b"-00000"
OTHER = CANARY + b"-00001"


@pytest.fixture(scope="module")
def talkative():
    """A server of its own that logs every statement, every parameter and every error in full."""
    folder = short_lived()
    try:
        with running(folder, TALKATIVE) as server:
            server.prepare()
            yield server
    finally:
        shutil.rmtree(folder)


def spelled(log):
    """A canary as the log might have it: as it is, in hexadecimal, escaped."""
    return [each for each in (CANARY, CANARY.hex().encode()) if each in log]


def store_everything(c):
    conversations.create(
        c, new_conversation(id=ID, tag=ID, outer_team=outer(CANARY), outer_client=outer(CANARY))
    )
    messages.add(c, from_client(ID, id=ID, envelope=sealed(1, CANARY)))
    messages.add(c, from_team(ID, id=OTHER))
    messages.add_finding(
        c, conversation=ID, finding=ID[::-1], envelope=sealed(NOTE, CANARY), now=NOW
    )
    changes.note(c, ID, "new")
    conversations.set_language(c, ID, WORD)
    conversations.set_urgency(c, ID, 2, "screened")
    conversations.claim(c, ID, ID, NOW)
    conversations.take_over(c, ID, ID, OTHER)
    conversations.mark_read(c, ID, 1024)
    drafts.put(c, ID, OTHER, sealed(NOTE, CANARY), NOW)
    conversations.rewrap(c, ID, 2, outer(CANARY))
    outbox.add(c, outbox_item(ID, message=ID, outer=outer(CANARY)))
    outbox.failed(c, ID, "gone_for_now", NOW)
    outbox.back_to_draft(c, ID, "later", NOW)
    inbox.note(c, CANARY * 3 + b"12", ID, NOW)
    addresses.put(c, ID, "signal", 8, ID, outer(CANARY))
    staff.put(c, StaffRow(ID, ID, outer(CANARY)))
    meta.pair(c, ID)


def read_everything(c):
    conversations.get(c, ID)
    conversations.queue(c)
    conversations.existing(c, [ID])
    conversations.references(c, ID)
    messages.of(c, ID)
    drafts.get(c, ID, OTHER)
    outbox.waiting(c, NOW)
    outbox.state_of(c, ID)
    inbox.seen(c, CANARY * 3 + b"12")
    addresses.of(c, ID)
    staff.by_login_tag(c, ID)
    staff.by_id(c, ID)
    changes.since(c, 0)
    counts.waiting(c)
    team_changes.behind(c, 2, ID, 10)
    team_changes.held_by(c, [ID])


def forget_everything(c):
    conversations.answered(c, ID, NOW)
    conversations.close(c, ID, NOW)
    conversations.client_wrote(c, ID, now=NOW, danger=True, due=NOW)
    conversations.set_due(c, ID, NOW)
    conversations.release(c, ID, OTHER)
    drafts.drop(c, ID, OTHER)
    sweep.delete_addresses(c, [(8, ID)])
    sweep.delete_forgotten(c, [ID])
    sweep.prune_changes(c, NOW)
    staff.remove(c, [ID])


def insert_twice(c):
    for _ in range(2):
        c.exec_driver_sql("INSERT INTO staff VALUES (%s, %s, %s)", (ID, ID, outer(CANARY)))


def too_long(c):
    conversations.set_language(c, ID, WORD * 9)


def without_parent(c):
    inbox.note(c, b"12" + CANARY * 3, an_id(), NOW)


def refused_by_a_check(c):
    conversations.create(c, new_conversation(id=OTHER, tag=CANARY, outer_team=CANARY))


def not_a_number(c):
    c.exec_driver_sql("SELECT %s::int", (WORD,))


def written_into_the_statement(c):
    c.exec_driver_sql(f"SELECT 1 / 0, '{WORD}' -- {WORD}")


def unreadable(c):
    c.exec_driver_sql(f"{WORD} is no SQL")


FAILING = [
    insert_twice,
    too_long,
    without_parent,
    refused_by_a_check,
    not_a_number,
    written_into_the_statement,
    unreadable,
]


async def test_no_value_reaches_the_log_of_a_talkative_server(talkative):
    before = len(talkative.log.read_bytes())
    with talkative.database() as url:
        for process in (None, "caretaker"):
            database = await Database.open(url, process)
            if process is None:
                await database.write(store_everything)
                await database.read(read_everything)
            for work in FAILING:
                with pytest.raises(DatabaseFailed):
                    assert await database.write(work) is work, work.__name__
            if process is None:
                await database.write(forget_everything)
            await database.close()
    log = talkative.log.read_bytes()[before:]
    assert spelled(log) == []
    assert b"CREATE DATABASE" in log  # of the superuser everything is there


def test_the_server_would_tell_it_of_a_role_that_is_not_silenced(talkative):
    """The same server and the same values: it is the roles' settings that keep them out."""
    before = len(talkative.log.read_bytes())
    with talkative.as_superuser() as raw, pytest.raises(psycopg.Error):
        raw.execute("SELECT %s::int", (WORD,))
    assert spelled(talkative.log.read_bytes()[before:]) == [CANARY]


def test_the_other_settings_keep_values_out_where_that_one_was_loosened(talkative):
    before = len(talkative.log.read_bytes())
    alter = "ALTER ROLE havenline SET log_min_messages = "
    with talkative.as_superuser() as raw:
        raw.execute(alter + "'debug1'")
    as_owner = talkative.superuser.replace("postgres@/postgres?", f"havenline@/{SHARED}?")
    with closing(psycopg.connect(as_owner, autocommit=True)) as loosened:
        row = (ID, ID, outer(CANARY))
        loosened.execute("INSERT INTO staff VALUES (%s, %s, %s)", row)
        for values in (row, (OTHER, ID, CANARY), (ID, None, None)):
            with pytest.raises(psycopg.IntegrityError):
                loosened.execute("INSERT INTO staff VALUES (%s, %s, %s)", values)
    with talkative.as_superuser() as raw:
        raw.execute(alter + "'fatal'")
    log = talkative.log.read_bytes()[before:]
    assert b"violates" in log
    assert spelled(log) == []
