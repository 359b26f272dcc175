"""The courier's own file of what it has sent."""

import pytest

from intake_server.courier.sent import (
    KEPT_DAYS,
    MAGIC,
    RECORD_SIZE,
    SendState,
    SentFile,
    SentFileError,
)

NOW = 1_800_000_000
DAY = 86_400
ONE, TWO = b"1" * 16, b"2" * 16


@pytest.fixture
def path(tmp_path):
    return tmp_path / "courier" / "sent.bin"


def reopened(path, now=NOW):
    file = SentFile.open(path, now)
    file.close()
    return file


def test_what_was_noted_is_known_after_a_restart(path):
    file = SentFile.open(path, NOW)
    assert file.state_of(ONE) is None
    file.note(ONE, SendState.SENDING, NOW)
    assert file.state_of(ONE) is SendState.SENDING
    file.note(ONE, SendState.SENT, NOW)
    file.note(TWO, SendState.SENDING, NOW)
    file.note(TWO, SendState.NOT_TAKEN, NOW)
    file.close()
    again = reopened(path)
    assert again.state_of(ONE) is SendState.SENT
    assert again.state_of(TWO) is SendState.NOT_TAKEN
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_size == len(MAGIC) + 2 * RECORD_SIZE


def test_each_note_is_on_disk_when_it_returns(path):
    file = SentFile.open(path, NOW)
    file.note(ONE, SendState.SENDING, NOW)
    assert ONE in path.read_bytes()
    file.close()


@pytest.mark.parametrize("torn", range(1, RECORD_SIZE))
def test_a_record_that_was_being_written_is_cut_off(path, torn):
    file = SentFile.open(path, NOW)
    file.note(ONE, SendState.SENT, NOW)
    file.note(TWO, SendState.SENDING, NOW)
    file.close()
    path.write_bytes(path.read_bytes()[:-torn])
    again = SentFile.open(path, NOW)
    assert again.state_of(ONE) is SendState.SENT
    assert again.state_of(TWO) is None
    again.note(TWO, SendState.SENT, NOW)
    again.close()
    assert reopened(path).state_of(TWO) is SendState.SENT


@pytest.mark.parametrize("at", [0, len(MAGIC), len(MAGIC) + 1, len(MAGIC) + 5, len(MAGIC) + 23])
def test_damage_is_not_passed_over(path, at):
    file = SentFile.open(path, NOW)
    file.note(ONE, SendState.SENT, NOW)
    file.note(TWO, SendState.SENT, NOW)
    file.close()
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(SentFileError, match=r"sent\.bin"):
        SentFile.open(path, NOW)


def test_what_no_conversation_can_outlive_is_dropped(path):
    file = SentFile.open(path, NOW)
    file.note(ONE, SendState.SENT, NOW)
    file.note(TWO, SendState.SENT, NOW + 2 * DAY)
    file.close()
    assert reopened(path, NOW + (KEPT_DAYS - 1) * DAY).state_of(ONE) is SendState.SENT
    later = reopened(path, NOW + (KEPT_DAYS + 1) * DAY)
    assert later.state_of(ONE) is None
    assert later.state_of(TWO) is SendState.SENT
    assert ONE not in path.read_bytes()
