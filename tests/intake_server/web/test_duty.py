"""What the client page says about who is on duty, from the organisation's hours."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from intake_server.settings import SettingsError, load_settings
from tests.vault.rows import first_contact, from_client, from_team, new_conversation
from triage.duty import DAYS
from vault import messages
from vault.engine import Database


@pytest.fixture
async def set_hours(hotline):
    async def run_again(*lines):
        page = msgspec.structs.replace(
            hotline.settings.page, hours=lines, time_zone="Europe/Berlin"
        )
        await hotline.stop()
        hotline.settings = msgspec.structs.replace(hotline.settings, page=page)
        await hotline.start()

    return run_again


async def answered(hotline, number, hours):
    """So many conversations of the last days, each answered after so many hours."""
    began = hotline.clock.unix() - 5 * 24 * 3600
    database = await Database.open(hotline.settings.data.database_url)
    for _ in range(number):
        one = new_conversation(now=began, due=began + 20 * 24 * 3600, latest=began + 60 * 24 * 3600)
        await database.write(first_contact(one, from_client(one.id, now=began)))
        reply = from_team(one.id, now=began + hours * 3600)
        await database.write(lambda c, reply=reply: messages.add(c, reply))
    await database.close()


async def test_it_says_how_long_people_usually_wait_once_it_is_known(hotline, browser, set_hours):
    await answered(hotline, 19, 2)
    await set_hours("mon-sun 00:00-24:00")
    assert (await browser.visit()).texts["duty"] == "Someone is here now."
    await answered(hotline, 1, 2)
    hotline.clock.ahead += timedelta(hours=12)
    assert (await browser.visit()).texts["duty"] == "Someone is here now.", "looked at once a day"
    hotline.clock.ahead += timedelta(hours=13)
    screen = await browser.visit()
    assert screen.texts["duty"] == "Someone is here now. We usually answer within 3 hours."
    assert words_before_the_field(screen) <= 60
    screen = await browser.write("Hello")
    assert screen.texts["phrase-wait"].startswith("We usually answer within 3 hours.")


def the_day_after_tomorrow(hotline):
    """In Berlin, where it is tomorrow an hour or two before it is by universal time."""
    there = hotline.clock.now().astimezone(ZoneInfo("Europe/Berlin"))
    return DAYS[(there + timedelta(days=2)).weekday()]


async def test_without_hours_the_page_claims_nothing(browser):
    screen = await browser.visit()
    assert "is here now" not in screen.words
    screen = await browser.write("Hello", danger="1")
    assert "Come back later" in screen.texts["phrase-wait"]
    assert "phrase-danger" not in screen.texts


async def test_within_the_hours_somebody_is_there(browser, set_hours):
    await set_hours("mon-sun 00:00-24:00")
    screen = await browser.visit()
    assert screen.texts["duty"] == "Someone is here now."
    screen = await browser.write("Hello", danger="1")
    assert "phrase-danger" not in screen.texts


async def test_outside_them_it_says_when_and_whom_to_call(hotline, browser, set_hours):
    await set_hours(f"{the_day_after_tomorrow(hotline)} 20:00-21:00")
    screen = await browser.visit()
    assert screen.texts["duty"].startswith("Nobody is here now. Back on ")
    assert screen.texts["duty"].endswith("day at 20:00 (Berlin).")
    assert len(screen.texts["duty"].split()) <= 10
    screen = await browser.write("Hello")
    assert "We are back on " in screen.texts["phrase-wait"]
    assert "phrase-danger" not in screen.texts
    screen = await browser.submit("kept-form", "look")
    assert "No new answer yet. We are back on " in screen.words
    await browser.visit()
    screen = await browser.write("Now", danger="1")
    danger = screen.texts["phrase-danger"]
    assert danger.startswith("Nobody is here now. Back on ")
    assert "Call 112 or Other help, \u20660800 000 000\u2069." in danger


async def test_the_page_changes_with_the_hour(hotline, browser, set_hours):
    await set_hours(f"{the_day_after_tomorrow(hotline)} 00:00-24:00")
    assert "Nobody is here" in (await browser.visit()).texts["duty"]
    hotline.clock.ahead += timedelta(days=2)
    assert (await browser.visit()).texts["duty"] == "Someone is here now."


async def test_sixty_words_in_every_form(hotline, browser, set_hours):
    for line in ("mon-sun 00:00-24:00", f"{the_day_after_tomorrow(hotline)} 20:00-21:00"):
        await set_hours(line)
        screen = await browser.visit()
        assert words_before_the_field(screen) <= 60


def words_before_the_field(screen):
    before = screen.words.split(screen.texts["text-hint"])[0]
    # A trial is for nobody but who tries it out; its sentence is not on the page for people.
    before = before.replace(screen.texts["trial"], "")
    shown = f"Leave {before} What is happening?".split()
    return len([word for word in shown if any(letter.isalpha() for letter in word)])


def test_hours_that_cannot_be_read_are_explained(tmp_path):
    config = tmp_path / "havenline.toml"
    config.write_text('[page]\nhours = ["9 to 5"]\n')
    with pytest.raises(SettingsError, match="mon-fri 09:00-17:00"):
        load_settings(config=config)
