import stat

import pytest

from intake_server.seed import SeedError, own_seed


def test_a_seed_is_made_once_and_for_nobody_else(tmp_path):
    path = tmp_path / "courier" / "seed"
    made = own_seed(path)
    assert len(made.reveal()) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert own_seed(path) == made
    assert own_seed(tmp_path / "caretaker" / "seed") != made


def test_what_an_interrupted_start_left_is_not_taken_for_a_seed(tmp_path):
    unfinished = tmp_path / "seed.new"
    unfinished.write_bytes(b"half")
    assert len(own_seed(tmp_path / "seed").reveal()) == 32
    assert not unfinished.exists()


def test_a_seed_that_others_may_read_is_refused(tmp_path):
    path = tmp_path / "seed"
    own_seed(path)
    path.chmod(0o640)
    with pytest.raises(SeedError, match="chmod 600"):
        own_seed(path)


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 33])
def test_a_damaged_seed_is_kept_and_refused(tmp_path, content):
    path = tmp_path / "seed"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(SeedError, match="encrypted backup"):
        own_seed(path)
    assert path.read_bytes() == content
