"""How PostgreSQL finds the head of the queue: from indices alone, however much is open."""

from contextlib import closing

import pytest

from vault import counts, queue_head
from vault.engine_postgres import PostgresBackend, PostgresReader
from vault.postgres_server import connect, server_of

ANA = b"a" * 16
OPEN = 5_000
FILL = f"""
INSERT INTO conversations
SELECT n, decode(md5(n::text), 'hex'), n, decode(md5(n::text), 'hex'), 'web', 'en',
    CASE WHEN n % 10 = 0 THEN 'claimed' WHEN n % 5 = 1 THEN 'resting' ELSE 'waiting' END,
    n % 4, 'screened',
    CASE WHEN n % 10 = 0 THEN decode(md5('jo'), 'hex') END, CASE WHEN n % 10 = 0 THEN 1 END,
    CASE WHEN n % 5 = 1 THEN NULL ELSE n END, 1, 2, 3, 1, 1024, 0, n % 5 = 1,
    decode(repeat('ab', 214), 'hex'), decode(repeat('ab', 210), 'hex')
FROM generate_series(1, {OPEN}) AS n
"""  # a number of ours
STATEMENTS = {
    "free": (queue_head._FIRST_FREE, {"urgency": 1, "most": 100}, "ix_conversations_waiting"),
    "mine": (queue_head._WAIT_FOR_ME, {"staff": ANA}, "ix_conversations_held"),
    "waiting": (queue_head._WAITING, {}, "ix_conversations_waiting"),
    "open": (counts._OPEN, {}, "ix_conversations_state"),
}


@pytest.fixture(scope="module")
def full(postgres):
    """Many conversations, and nobody has vacuumed yet."""
    with postgres.database() as url:
        with closing(connect(server_of(url), None)) as raw:
            raw.execute("ALTER TABLE conversations SET (autovacuum_enabled = off)")
            raw.execute(FILL)
        yield url


def steps(url, name):
    """What PostgreSQL would do: each step's name and index."""
    statement, values, _ = STATEMENTS[name]
    with closing(PostgresReader(server_of(url), None)) as session:
        compiled = statement.params(values).compile(dialect=session.connection.dialect)
        text = f"EXPLAIN (FORMAT JSON) {compiled}"
        ((told,),) = session.connection.exec_driver_sql(text, dict(compiled.params)).all()
    return list(walk(told[0]["Plan"]))


def walk(plan):
    yield plan["Node Type"], plan.get("Index Name")
    for below in plan.get("Plans", ()):
        yield from walk(below)


def test_the_first_are_walked_in_order_even_before_anything_was_counted(full):
    assert steps(full, "free") == [
        ("Limit", None),
        ("Index Only Scan", "ix_conversations_waiting"),
    ]


@pytest.mark.parametrize("name", STATEMENTS)
def test_no_row_is_read_for_the_head_of_a_vacuumed_queue(full, name):
    PostgresBackend(server_of(full), None).vacuum()
    found = steps(full, name)
    index = STATEMENTS[name][2]
    assert index in {used for _, used in found}
    assert not {"Seq Scan", "Sort"} & {kind for kind, _ in found}
    if name != "mine":  # which may be few or many
        assert ("Index Only Scan", index) in found


def test_autovacuum_comes_after_a_hundredth_has_changed(postgres):
    with postgres.database() as url, closing(connect(server_of(url), None)) as raw:
        asked = "SELECT reloptions FROM pg_class WHERE relname = 'conversations'"
        ((told,),) = raw.execute(asked).fetchall()
    assert {
        "autovacuum_vacuum_scale_factor=0.01",
        "autovacuum_vacuum_insert_scale_factor=0.01",
    } <= set(told)


def test_a_process_leaves_vacuuming_to_the_server(full):
    assert PostgresBackend(server_of(full), "caretaker").vacuum() == 0
