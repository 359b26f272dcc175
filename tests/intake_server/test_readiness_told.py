"""The readiness list in words: every line can be said, in the words of the desk."""

from dataclasses import replace

import msgspec
import pytest

from intake_server.clock import SystemClock
from intake_server.readiness import readiness
from intake_server.readiness_told import as_text, ask, told
from intake_server.settings import DataSettings, Settings
from tests.intake_server.desk.place import Place
from tests.intake_server.test_readiness import NOW, WHOLE
from vault.mirror import FRESH_SECONDS

NOTHING = replace(
    WHOLE,
    holders=0,
    data_contact=False,
    must_tell=False,
    hours=False,
    sheltered=False,
    signposts_checked=0,
    has_mirror=False,
    mirrored=0,
    backup_tried=0,
    wrote_to_self=0,
)
LATE = replace(
    WHOLE, signposts_checked=1, backup_tried=1, wrote_to_self=1, mirrored=NOW - FRESH_SECONDS - 9
)


@pytest.mark.parametrize("facts", [WHOLE, NOTHING, LATE], ids=["whole", "nothing", "late"])
def test_every_line_is_said(facts):
    found = told(facts)
    assert [(one.name, one.state) for one in found.lines] == [
        (one.name, one.state) for one in readiness(facts)
    ]
    assert all(one.what and "{" not in one.what for one in found.lines)
    assert len(list(as_text(found))) == len(found.lines) + 1


def test_what_the_page_does_is_said_first():
    assert next(as_text(told(WHOLE))) == "The client page is open. People can write to you."
    assert "Still to do: 6." in next(as_text(told(NOTHING)))
    assert next(as_text(told(replace(NOTHING, is_trial=True, holders=1)))).startswith("A trial.")


async def test_what_runs_is_asked(short_dir):
    place = Place(short_dir, None)
    await place.hotline.open()
    try:
        place_settings = msgspec.structs.replace(
            place.settings, data=DataSettings(folder=place.folder)
        )
        assert await ask(place_settings, SystemClock()) is None  # nobody is set up
    finally:
        await place.hotline.close()
    assert await ask(Settings(data=DataSettings(folder=short_dir)), SystemClock()) is None
