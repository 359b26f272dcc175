"""The client page in every language: few words before the field, dates, the menu, changing it."""

import gzip
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from babel.dates import format_date, format_skeleton
from babel.units import format_unit

from intake_server.languages import codes_in, load_language
from intake_server.settings import PageSettings, Settings, Signpost
from intake_server.web.dates import dates_for
from intake_server.web.duty import DutyWords, duty_words
from intake_server.web.form import FormPath
from intake_server.web.form_fields import Fields
from intake_server.web.form_pages import Reader
from intake_server.web.periods import period_of
from intake_server.web.view import Page, Site
from tests.intake_server.web.conftest import ROOT, Screen, TurnedClock
from triage.duty import Standing

STRINGS = ROOT / "intake_server" / "web" / "strings"
CODES = sorted(codes_in(STRINGS))
WITHOUT_SPACES = {"km", "my", "th"}
BABEL_KNOWS = ("bg", "de", "en", "es", "fr", "id", "pl", "ro", "ru", "uk")
BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 22, 9, 5, tzinfo=UTC)
KEYS = {"roster": ["A" * 600], "start_key": "B" * 43, "screening": None, "promise": {}}


@pytest.fixture(scope="module")
def site():
    return Site(Settings(page=PageSettings(time_zone="Europe/Berlin")))


def duty_forms(site, language):
    """What the page may say of who is there (c04)."""
    dates = site.dates(language)
    for standing, hours in (
        (Standing(on_duty=True, changes=None), None),
        (Standing(on_duty=True, changes=None), 48),
        (Standing(on_duty=False, changes=NOW + timedelta(hours=3)), None),
        (Standing(on_duty=False, changes=NOW + timedelta(hours=24)), None),
        (Standing(on_duty=False, changes=NOW + timedelta(days=3)), None),
        (Standing(on_duty=False, changes=NOW + timedelta(days=9)), None),
    ):
        yield duty_words(standing, language, dates, NOW, "112", None, hours)
    t, name = language.text, language.name
    yield DutyWords(line=t("c04.nobody_speaks", language=name))
    yield DutyWords(line=t("c04.many_writing", estimate=dates.period(48)))


def before_the_field(site, language, duty):
    """Everything that is read from the first sight to the field for a text."""
    period = site.dates(language).period(336)
    page = site.start(language, period, duty, KEYS, 10, is_open=True)
    screen = Screen(page.filled("t" * 10).decode())
    before = screen.words.split(screen.texts["text-hint"])[0]
    t = language.text
    return f"{t('c01.leave')} {before} {t('c10.what_is_happening')}"


def words_in(text):
    return len([word for word in text.split() if any(letter.isalpha() for letter in word)])


@pytest.mark.parametrize("code", CODES)
def test_at_most_sixty_words_stand_before_the_field_in_every_form(site, code):
    language, english = (site.language(one, "") for one in (code, "en"))
    for duty, in_english in zip(duty_forms(site, language), duty_forms(site, english), strict=True):
        shown = before_the_field(site, language, duty)
        assert language.text("c02.title") in shown
        assert " ".join(duty.line.split()) in shown
        if code in WITHOUT_SPACES:
            assert len(shown) <= 1.6 * len(before_the_field(site, english, in_english)), duty.line
        else:
            assert words_in(shown) <= 60, shown


@pytest.mark.parametrize("code", CODES)
def test_days_are_as_babel_writes_them_and_code_gets_the_same(code):
    dates = dates_for(load_language(STRINGS, code), BERLIN)
    locale = Locale.parse({"en": "en_GB", "sr": "sr_Latn"}.get(code, code))
    for month in range(1, 13):
        at = datetime(2026, month, 7, 12, tzinfo=UTC)
        assert dates.day(at) == format_skeleton("MMMMd", at, locale=locale)
    assert len(set(dates.weekdays)) == 7
    assert dates.weekday(NOW) == format_date(NOW, "EEEE", locale=locale)
    assert dates.time(NOW) == "10:05"
    assert "1" in dates.number(1200)
    assert "200" in dates.number(1200)


@pytest.mark.parametrize("code", BABEL_KNOWS)
def test_periods_are_as_babel_writes_them_where_it_knows_them(code):
    plural = Locale.parse(code).plural_form
    for unit in ("day", "hour", "minute"):
        for number in (1, 2, 3, 5, 14, 21, 22, 36, 60, 101):
            told = format_unit(number, f"duration-{unit}", length="long", locale=code)
            assert period_of(number, unit, code, plural) == told.replace("\xa0", " ")


@pytest.mark.parametrize("code", CODES)
def test_a_period_has_its_number_and_a_word_of_the_language(site, code):
    dates = site.dates(site.language(code, ""))
    for told in (dates.period(336), dates.period(36), dates.minutes(10)):
        assert any(letter.isalpha() for letter in told)
        assert any(digit.isdigit() for digit in told)
        assert code == "en" or "day" not in told


def test_a_language_that_has_no_forms_gets_english_ones():
    assert period_of(1, "day", "xx", lambda _: "few") == "1 day"
    assert period_of(2, "day", "xx", lambda _: "few") == "2 days"


def test_groups_of_digits_keep_their_order_in_a_line_from_right_to_left():
    page = PageSettings(
        emergency_number="116 123",
        organisation="Haven",
        must_tell="By law",
        signposts=(Signpost(name="Other help", telephone="0800 111 0 111"),),
    )
    site = Site(Settings(page=page))
    arabic = site.language("ar", "")
    html = site.render(Page(state="opening", start=True), arabic).decode()
    assert "\u2066116 123\u2069" in html
    assert '<bdi dir="auto" lang="en">Haven</bdi>' in html, "an admin's words stay as they are"
    assert '<p dir="auto" lang="en">By law</p>' in html
    assert '<a dir="ltr"' in html
    site = Site(Settings(page=PageSettings(language="ar", organisation="Haven")))
    html = site.render(Page(state="opening", start=True), site.languages[0]).decode()
    assert '<bdi dir="auto">Haven</bdi>' in html


# --- the menu -------------------------------------------------------------------------------


def test_the_menu_has_one_length_and_the_packed_page_fits_every_order(site):
    english = site.language("en", "")
    menus = {site.chooser(english, wish, "opening") for wish in ("", "ar,ru", "th;q=0.2,vi", "x")}
    assert len(menus) == 3
    (size,) = {len(menu.encode()) for menu in menus}
    page = site.start(english, "14 days", DutyWords(), KEYS, 20, is_open=True)
    for menu in menus:
        for token in ("t" * 20, "0123456789abcdefghij"):
            whole = page.filled(token, menu)
            assert gzip.decompress(page.packed(token, menu)) == whole
            assert whole.count(menu.encode()) == 1
            assert whole.count(token.encode()) == 1
    assert size < 2_000


@pytest.mark.parametrize("code", ["ar", "en", "my"])
def test_the_order_of_the_menu_does_not_show_in_the_size_of_the_packed_page(site, code):
    language = site.language(code, "")
    page = site.start(language, "14 days", DutyWords(), KEYS, 20, is_open=True)
    orders = [f"{one},{other}" for one in CODES for other in CODES[::3]]
    orders += ["", *CODES, ",".join(CODES), ",".join(reversed(CODES))]
    menus = {site.chooser(language, wish, "opening") for wish in orders}
    assert len(menus) > 60
    assert len({len(page.packed("t" * 20, menu)) for menu in menus}) == 1


def test_with_one_language_there_is_no_menu():
    site = Site(Settings(page=PageSettings(languages=("en",))))
    english = site.languages[0]
    assert site.chooser(english, "de", "opening") == ""
    page = site.start(english, "14 days", DutyWords(), KEYS, 20, is_open=True)
    assert b"to-language" not in page.filled("t" * 20)
    assert gzip.decompress(page.packed("t" * 20)) == page.filled("t" * 20)


async def test_the_browser_gets_its_language_and_says_so(hotline, session):
    for accepted, tag, direction in (("ar-EG", "ar", "rtl"), ("sr", "sr-Latn", "ltr")):
        async with session.get(
            hotline.url + "/", headers={"Accept-Language": accepted}
        ) as response:
            html = await response.text()
        assert f'<html lang="{tag}" dir="{direction}">' in html


async def test_changing_the_language_loses_nothing(browser):
    thai, german = (load_language(STRINGS, code) for code in ("th", "de"))
    screen = await browser.visit()
    form = screen.forms["write-form"].fields
    screen = await browser.post({**form, "to": "th"})
    assert screen.state == "opening"
    assert thai.text("c02.title") in screen.words
    typed = {"text": "Half a\nsentence", "name": "Mira", "danger": "1"}
    screen = await browser.post({**form, **typed, "to": "th"})
    assert screen.state == "write"
    kept = screen.forms["write-form"].fields
    assert {key: kept[key] for key in typed} == typed
    assert kept["language"] == "th"
    screen = await browser.submit("write-form", "send")
    assert thai.text("c18.have_it") in screen.texts["phrase-title"]
    phrase = browser.phrase
    screen = await browser.submit("kept-form", "look")
    screen = await browser.post(
        {**screen.forms["answer-form"].fields, "text": "And more", "to": "de"}
    )
    assert screen.state == "conversation"
    assert german.text("c35.your_answer") in screen.words
    assert screen.forms["answer-form"].fields["text"] == "And more"
    await browser.visit()
    screen = await browser.post({"phrase": phrase, "text": "Kept", "language": "en", "to": "de"})
    assert screen.state == "back"
    assert screen.forms["back-form"].fields["phrase"] == phrase
    assert screen.forms["back-form"].fields["text"] == "Kept"
    screen = await browser.submit("back-form", "open")
    assert german.text("c35.your_answer") in screen.words


async def test_an_old_token_keeps_the_text_in_the_new_language(browser):
    screen = await browser.post({"text": "Hello", "token": "old", "to": "de"})
    assert (screen.state, screen.forms["write-form"].fields["text"]) == ("write", "Hello")
    screen = await browser.submit("write-form", "send")
    assert screen.state == "phrase"


def test_where_nothing_can_be_done_the_text_waits_in_the_new_language(site):
    # Neither keeper nor promise is asked.
    path = FormPath(site, None, None, None, TurnedClock(), None, None, None)
    reader = Reader(site.language("ar", ""))
    screen = Screen(path.failed(Fields(text="Hello", token="t", to="ar"), reader).body.decode())
    assert screen.state == "trouble"
    kept = screen.forms["retry-form"]
    assert (kept.fields["text"], kept.fields["language"]) == ("Hello", "ar")
    assert kept.buttons == ["turn"]
    screen = Screen(path.failed(Fields(phrase="river", to="ar"), reader).body.decode())
    assert screen.forms["back-form"].fields["phrase"] == "river"


async def test_each_language_has_the_words_that_come_later(hotline, session):
    for code in CODES:
        async with session.get(f"{hotline.url}/static/later-{code}.json") as response:
            assert response.status == 200
            strings = (await response.json())["strings"]
        assert strings["c36.erase_final"] == load_language(STRINGS, code).text("c36.erase_final")
