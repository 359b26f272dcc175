"""The stream of changes: nothing missed, nothing twice, and an end."""

import asyncio

from intake_server.desk.feed import KEPT, Feed
from tests.intake_server.desk.place import streaming, to_text
from vault.changes import Change
from vault.engine import DatabaseBusy


async def test_changes_come_as_they_happen(place, ana):
    async with streaming(place, ana) as stream:
        assert await stream.line() == {"beat": True}
        client = await place.client()
        named = to_text(client.conversation)
        assert await stream.change() == {"number": 1, "conversation": named, "what": "new"}
        await ana.claim(client.conversation)
        assert await stream.change() == {"number": 2, "conversation": named, "what": "claim"}
        await client.erase()
        assert await stream.change() == {"number": 3, "conversation": None, "what": "erased"}


async def test_everybody_hears_it_and_each_resumes_from_where_they_were(place, ana, client):
    jo = await place.colleague("Jo")
    await ana.claim(client.conversation)
    number = (await jo.ask("/api/queue", {}))["number"]
    async with streaming(place, ana, 0) as anas, streaming(place, jo, number) as jos:
        opened = await ana.open(client.conversation)
        await opened.reply("Yes.")
        heard = [await anas.change() for _ in range(4)]
        assert [line["what"] for line in heard] == ["new", "claim", "read", "reply"]
        assert [await jos.change() for _ in range(2)] == heard[2:]
    async with streaming(place, ana, heard[2]["number"]) as again:
        assert await again.change() == heard[3]


async def test_what_was_pruned_is_a_gap(place, ana):
    for _ in range(3):
        client = await place.client()
    await place.stop()
    await place.start()  # nothing is in memory
    await place.let_in(ana)
    await place.write(prune)
    async with streaming(place, ana, 0) as stream:
        assert await stream.change() == {"number": 3, "conversation": None, "what": "gap"}
        await ana.claim(client.conversation)
        assert (await stream.change())["what"] == "claim"


def prune(c):
    c.exec_driver_sql("DELETE FROM changes WHERE number < 3")


async def test_a_session_has_one_stream(place, ana):
    async with streaming(place, ana) as first:
        assert await first.line() == {"beat": True}
        async with streaming(place, ana) as second:
            assert await second.line() == {"beat": True}
            client = await place.client()
            assert (await second.change())["what"] == "new"
            assert await first.rest() == []
            await ana.claim(client.conversation)
            assert (await second.change())["what"] == "claim"


async def test_signing_out_ends_the_stream(place, ana):
    async with streaming(place, ana) as stream:
        assert await stream.line() == {"beat": True}
        await ana.sign_out()
        await place.client()
        assert await stream.rest() == []


async def test_stopping_ends_open_streams(place, ana):
    async with streaming(place, ana) as stream:
        assert await stream.line() == {"beat": True}
        await place.stop()
        assert await stream.rest() == []
    await place.start()


async def test_a_stream_is_no_call(place, ana):
    """An unattended desk is signed out, though its page listens."""
    async with streaming(place, ana) as stream:
        assert await stream.line() == {"beat": True}
        place.clock.turn(minutes=31)
        assert await stream.rest() == []


# --- the feed by itself ---------------------------------------------------------------------


class Table:
    """Changes as the database has them, and who is woken."""

    def __init__(self, numbers=()):
        self.rows = [Change(number, None, "erased") for number in numbers]
        self.fetched = []
        self.failures = 0
        self.woken = asyncio.Queue()

    async def fetch(self, number):
        self.fetched.append(number)
        if self.failures:
            self.failures -= 1
            raise DatabaseBusy("busy")
        if self.rows and number + 1 < self.rows[0].number:
            return None
        return [row for row in self.rows if row.number > number][:500]

    async def wake(self, _after):
        while True:
            yield await self.woken.get()

    def add(self, *numbers):
        self.rows += [Change(number, None, "erased") for number in numbers]
        self.woken.put_nowait(numbers[-1])


async def following(table):
    feed = Feed(table.fetch, table.wake, 0)
    return feed, asyncio.create_task(feed.run())


async def until_at(feed, number):
    async with asyncio.timeout(10):
        while feed.newest < number:
            await feed.wait(feed.newest, 10)


async def test_the_newest_changes_are_read_once():
    table = Table()
    feed, task = await following(table)
    table.add(*range(1, 1201))
    await until_at(feed, 1200)
    fetched = len(table.fetched)
    assert [change.number for change in await feed.after(700)] == list(range(701, 1201))
    assert await feed.after(1200) == []
    assert len(table.fetched) == fetched
    task.cancel()


async def test_what_is_no_longer_in_memory_is_read_again():
    table = Table()
    feed, task = await following(table)
    table.add(*range(1, KEPT + 101))
    await until_at(feed, KEPT + 100)
    assert [change.number for change in await feed.after(10)][:2] == [11, 12]
    task.cancel()


async def test_a_gap_while_following():
    table = Table()
    feed, task = await following(table)
    table.add(1)
    await until_at(feed, 1)
    table.rows.clear()
    table.add(50, 51)
    await until_at(feed, 51)
    assert await feed.after(1) is None
    table.add(52)
    await until_at(feed, 52)
    assert await feed.after(1) is None
    assert [change.number for change in await feed.after(51)] == [52]
    task.cancel()


async def test_a_database_that_is_busy_for_a_moment_ends_nothing():
    table = Table()
    table.failures = 1
    feed, task = await following(table)
    table.add(1)
    await until_at(feed, 1)
    assert not task.done()
    task.cancel()


async def test_waiting_ends_by_itself():
    feed = Feed(Table().fetch, Table().wake, 0)
    await feed.wait(0, 0.01)
    feed.newest = 3
    await feed.wait(2, 60)
