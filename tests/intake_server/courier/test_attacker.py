"""Who writes into the database as they please makes the courier send nothing, to nobody else.

Two people have replies waiting while the network is away. Everything in a row that an attacker can
change is changed, moved, copied or swapped between them; then the network comes back.
"""

import asyncio

import pytest
from sqlalchemy import delete, insert, select, update

from intake_server.courier import outbound
from tests.intake_server.courier.test_outbound import met
from vault import tables
from vault.sealing import random_bytes

HOUR = 3600
PEOPLE = ("kim", "jo")
SEAL = ("outer_item",)
PLACE = ("slot", "tag")
MINE = {"kim": "for Kim alone", "jo": "for Jo alone"}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(outbound, "_LOOK", 0.05)


def swapped(table, key, *columns):
    """Give each person's row these columns of the other's."""

    def attack(c, ids):
        first, second = (
            c.execute(select(table).where(key == ids[name])).mappings().one() for name in PEOPLE
        )
        rows = ((first, second), (second, first))
        if table is tables.outbox and "message" in columns:  # it is unique
            for row, _ in rows:
                c.execute(
                    update(table).where(table.c.row == row["row"]).values(message=random_bytes(16))
                )
        for row, other in rows:
            values = {name: other[name] for name in columns}
            own = table.c.row == row["row"] if "row" in table.c else key == row["conversation"]
            c.execute(update(table).where(own).values(**values))

    return attack


def copied(**changed):
    """Put Kim's reply in once more, for Jo, with the fields of Jo's conversation."""

    def attack(c, ids):
        rows = {
            name: c.execute(select(tables.outbox).where(tables.outbox.c.conversation == ids[name]))
            .mappings()
            .one()
            for name in PEOPLE
        }
        new = {name: value for name, value in rows["kim"].items() if name != "row"}
        new |= {"message": random_bytes(16)}
        new |= {name: rows[whose][name] for name, whose in changed.items()}
        c.execute(insert(tables.outbox).values(**new))

    return attack


def made_up(c, _ids):
    for row in c.execute(select(tables.outbox)).mappings().all():
        c.execute(
            update(tables.outbox)
            .where(tables.outbox.c.row == row["row"])
            .values(outer_item=random_bytes(len(row["outer_item"])))
        )


OUTBOX = tables.outbox, tables.outbox.c.conversation
ADDRESSES = tables.addresses, tables.addresses.c.conversation
ATTACKS = {
    "the seals swapped": swapped(*OUTBOX, *SEAL),
    "the conversations swapped": swapped(*OUTBOX, "conversation"),
    "the places swapped": swapped(*OUTBOX, *PLACE),
    "the ids swapped": swapped(*OUTBOX, "message"),
    "seals and places swapped": swapped(*OUTBOX, *SEAL, *PLACE),
    "seals and ids swapped": swapped(*OUTBOX, *SEAL, "message"),
    "all but the conversation swapped": swapped(*OUTBOX, *SEAL, *PLACE, "message"),
    "Kim's reply once more": copied(),
    "Kim's reply in Jo's conversation": copied(conversation="jo"),
    "Kim's reply in Jo's place": copied(conversation="jo", slot="jo", tag="jo"),
    "seals of the attacker's own": made_up,
    "the sealed addresses swapped": swapped(*ADDRESSES, "outer_address"),
    "the addresses swapped with their places": swapped(*ADDRESSES, "outer_address", *PLACE),
    "the places of the addresses swapped": swapped(*ADDRESSES, *PLACE),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
async def test_nobody_hears_what_is_not_theirs_nor_anything_twice(stage, attack):
    _, loopback, rows, heard = await met(stage, *PEOPLE)
    loopback.cut()
    for name in PEOPLE:
        message = await stage.answer(rows[name], MINE[name])
        await stage.settled(rows[name], message)
    await stage.database.write(lambda c: attack(c, {name: rows[name].id for name in PEOPLE}))
    loopback.restore()
    stage.clock.turn(HOUR)
    await all_decided(stage)
    for name in PEOPLE:
        said = [heard[name].get_nowait()["text"] for _ in range(heard[name].qsize())]
        assert said in ([], [MINE[name]])
    await stage.dismiss_all()


async def all_decided(stage):
    """Until no reply waits any more."""
    waiting = select(tables.outbox.c.row).where(tables.outbox.c.state == "waiting")
    async with asyncio.timeout(60):
        while await stage.database.read(lambda c: c.execute(waiting).all()):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)


async def test_without_an_attack_each_hears_their_own(stage):
    """The same, so that the tests above are known to see anything."""
    _, loopback, rows, heard = await met(stage, *PEOPLE)
    loopback.cut()
    for name in PEOPLE:
        await stage.settled(rows[name], await stage.answer(rows[name], MINE[name]))
    loopback.restore()
    stage.clock.turn(HOUR)
    await all_decided(stage)
    assert [(await heard[name].get())["text"] for name in PEOPLE] == [MINE[n] for n in PEOPLE]


async def test_rows_that_are_gone_send_nothing(stage):
    _, loopback, rows, heard = await met(stage, *PEOPLE)
    loopback.cut()
    for name in PEOPLE:
        await stage.settled(rows[name], await stage.answer(rows[name], MINE[name]))
    await stage.database.write(lambda c: c.execute(delete(tables.addresses)))
    loopback.restore()
    stage.clock.turn(HOUR)
    await all_decided(stage)
    assert all(heard[name].empty() for name in PEOPLE)
