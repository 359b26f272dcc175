"""Which folders are taken for an installation's."""

import pytest

from intake_server.installation import NotUsable, examine
from intake_server.settings import DataSettings


def test_a_channel_may_be_added_before_the_first_start(tmp_path):
    """That makes the courier's seed, and its folder with it."""
    data = DataSettings(folder=tmp_path)
    data.courier_dir.mkdir()
    (data.courier_dir / "seed").write_bytes(bytes(32))
    (tmp_path / "havenline.toml").write_text("[channels.matrix]\nenabled = true\n")
    found = examine(data)
    assert not found.slots
    assert not found.database


@pytest.mark.parametrize("name", ["letters", "courier"])
def test_somebody_elses_folder_is_refused(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(NotUsable, match="holds other things"):
        examine(DataSettings(folder=tmp_path))
