"""Each step of the sweep with no more rights than the caretaker's role has."""

from collections.abc import AsyncIterator

import pytest

from intake_server.caretaker.work import Work
from tests.vault.rows import HOUR, NOW, a_chunk, an_id, first_contact, new_conversation
from vault import attachments
from vault.attachments import Arriving
from vault.conversations import Reference
from vault.engine import Database


@pytest.fixture
async def caretaker(url: str) -> AsyncIterator[Work]:
    database = await Database.open(url, "caretaker")
    yield Work(database)
    await database.close()


async def test_everything_that_the_sweep_does_is_allowed(url, caretaker):
    new, kept = new_conversation(), new_conversation()
    web = await Database.open(url, "web")
    limits = attachments.limits_of(10, 10)
    for each in (new, kept):
        await web.write(first_contact(each))
        one = Arriving(an_id(), each.id, 1, 0, [a_chunk()])
        await web.write(lambda c, one=one: attachments.arrive(c, one, limits, NOW))

    await caretaker.delete_stale_attachments(NOW)  # what just arrives stays
    assert await count(web, "attachment_chunks") == 2
    gone = await caretaker.delete([Reference(new.id, new.slot, new.tag)])
    assert gone.conversations == 1
    await caretaker.delete_stale_attachments(NOW + 100 * HOUR)
    assert await count(web, "attachment_chunks") == await count(web, "attachments") == 0
    assert await caretaker.existing([new.id, kept.id]) == {kept.id}
    assert [one.id for one in await caretaker.references(b"")] == [kept.id]
    assert await caretaker.addresses() == []
    assert await caretaker.delete_addresses([(1, an_id())]) == 0
    assert await caretaker.waits_since_before(NOW + HOUR)
    await caretaker.prune_changes(NOW)
    await caretaker.prune_changes(NOW + 24 * HOUR)
    await web.close()


async def count(database, table):
    found = await database.read(lambda c: c.exec_driver_sql(f"SELECT count(*) FROM {table}").all())
    return found[0][0]
