"""The line of writers: first come, first served, over processes that may end at any moment."""

import os
import signal

import pytest

from vault.writers_line import NAME, WritersLine


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "havenline.sqlite3"
    path.write_bytes(b"")
    path.chmod(0o600)
    return path


@pytest.fixture
def three(database):
    lines = [WritersLine(database) for _ in range(3)]
    assert all(line.has_drawn() for line in lines)
    yield lines
    for line in lines:
        line.close()


def test_they_are_served_as_they_came(three):
    first, second, third = three
    assert (first.is_first(), second.is_first(), third.is_first()) == (True, False, False)
    first.leave()
    assert first.has_drawn()
    assert (second.is_first(), third.is_first(), first.is_first()) == (True, False, False)
    second.leave()
    assert (third.is_first(), first.is_first()) == (True, False)
    third.leave()
    assert first.is_first()


def test_who_gives_up_in_the_middle_holds_nobody_up_and_lets_nobody_pass(three):
    first, second, third = three
    second.leave()
    assert not third.is_first()
    first.leave()
    assert third.is_first()


def test_who_is_nearer_looks_again_sooner(three):
    first, second, third = three
    assert first.is_first()
    assert second.pause() < third.pause()


def test_who_was_killed_is_not_waited_for(database):
    reading, telling = os.pipe()
    child = os.fork()
    if child == 0:
        line = WritersLine(database)
        os.write(telling, b"y" if line.has_drawn() and line.is_first() else b"n")
        signal.pause()
    assert os.read(reading, 1) == b"y"
    line = WritersLine(database)
    assert line.has_drawn()
    assert not line.is_first()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert line.is_first()
    line.close()


def test_where_there_is_no_line_everybody_is_first(database):
    database.with_name(NAME).mkdir()
    lines = [WritersLine(database) for _ in range(2)]
    assert all(line.has_drawn() and line.is_first() for line in lines)
    for line in lines:
        line.leave()
        line.close()


def test_a_nonsense_file_only_ends_the_order(database):
    database.with_name(NAME).write_bytes(b"\xff" * 16)
    line = WritersLine(database)
    assert line.has_drawn()
    assert line.is_first()
    line.close()


def test_the_file_is_for_whom_the_database_is_for(database):
    database.chmod(0o660)
    WritersLine(database).close()
    assert database.with_name(NAME).stat().st_mode & 0o777 == 0o660
