"""The inventory: every column and every file, with everything that must be known about it."""

import json
import sqlite3
from contextlib import closing

import pytest

from vault import inventory, tables
from vault.columns import KEYS, About, Base, Risk

COLUMNS = [
    (f"{table.name}.{column.name}", column)
    for table in Base.metadata.sorted_tables
    for column in table.columns
]
SEALED = {
    "envelope",
    "sealed",
    "outer_team",
    "outer_client",
    "outer_item",
    "outer_address",
    "outer_keys",
}
MAY_STAND_IN_CLEAR = {
    "row",
    "id",
    "conversation",
    "message",
    "slot",
    "tag",
    "channel",
    "language",
    "state",
    "urgency",
    "urgency_by",
    "holder",
    "staff",
    "claimed_hour",
    "waiting_minute",
    "retry_minute",
    "created_hour",
    "due_hour",
    "until_hour",
    "latest_hour",
    "hour",
    "epoch",
    "last_number",
    "number",
    "read_up_to",
    "answered",
    "kind",
    "direction",
    "reason",
    "tries",
    "transport",
    "what",
    "attachment",
    "chunks",
}


@pytest.mark.parametrize(("name", "column"), COLUMNS, ids=[name for name, _ in COLUMNS])
def test_every_column_says_everything_about_itself(name, column):
    assert set(column.info) == set(KEYS), name
    for key in set(KEYS) - {"required"}:
        assert str(column.info[key]).strip(), f"{name}: {key}"
    assert column.info["required"] is not column.nullable
    assert isinstance(column.info["risk"], Risk)


def test_about_conversations_nothing_else_stands_in_clear():
    """Another column is another decision: DESIGN lists what may lie in clear."""
    found = {
        column.name
        for _, column in COLUMNS
        if column.info["about"] is About.CONVERSATIONS and column.name not in SEALED
    }
    assert found == MAY_STAND_IN_CLEAR


def test_what_is_sealed_is_of_high_risk_and_stored_as_bytes():
    sealed = [column for _, column in COLUMNS if column.name in SEALED]
    assert {column.name for column in sealed} == SEALED
    assert {column.info["risk"] for column in sealed} == {Risk.HIGH}
    assert {column.type.python_type for column in sealed} == {bytes}


def test_the_only_times_finer_than_an_hour_are_those_that_are_blanked():
    fine = {name for name, column in COLUMNS if "minute" in column.info["type"]}
    assert fine == {"conversations.waiting_minute", "outbox.retry_minute"}
    for name, column in COLUMNS:
        if name in fine:
            assert column.nullable
            assert "blanked" in column.info["retention"]


def test_the_inventory_has_every_column_of_a_real_database(path):
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute(
            "SELECT t.name || '.' || c.name FROM sqlite_schema t, pragma_table_info(t.name) c "
            "WHERE t.type = 'table'"
        ).fetchall()
    assert sorted(name for (name,) in names) == sorted(each.name for each in inventory.columns())


def test_every_model_is_in_one_of_the_two_lists():
    listed = {*tables.CONVERSATION_TABLES, *tables.OPERATION_TABLES}
    assert listed == set(Base.metadata.tables.values())


def test_every_file_says_everything_about_itself():
    for entry in inventory.files():
        for key in KEYS:
            assert str(getattr(entry, key)).strip(), f"{entry.name}: {key}"
    names = {entry.name for entry in inventory.files()}
    assert {
        "keeper/slots.bin",
        "keeper/slots.twin",
        "keeper/roster.bin",
        "keeper/grants.bin",
        "keeper/newcomers.bin",
        "courier/seed",
        "courier/sent.bin",
        "courier/deltachat/state/",
        "courier/matrix/",
        "courier/signal/",
        "courier/*-canary/",
        "caretaker/seed",
        "database/havenline.sqlite3",
        "database/havenline.sqlite3-backup",
        ".restoring/",
    } <= names


def test_a_program_can_read_it():
    entries = json.loads(inventory.as_json())
    assert len(entries) == len(inventory.entries()) == len({each["name"] for each in entries})
    assert {each["risk"] for each in entries} == {"high", "medium", "low"}
    assert [each["about"] for each in entries] == sorted(each["about"] for each in entries)
    assert set(entries[0]) == {"name", *KEYS}


def test_a_person_can_read_it():
    text = inventory.as_text()
    assert text.index("== CONVERSATIONS ==") < text.index("== STAFF AND OPERATION ==")
    for entry in inventory.entries():
        assert entry.name in text
        assert entry.definition in text
        assert entry.retention in text
