"""The parts of the client page by themselves: languages, tokens, budgets, dates, splitting."""

import asyncio
import contextlib
import gzip
import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake_server.languages import StringsError, load_languages, unreviewed
from intake_server.pages import script_json, texts_of
from intake_server.settings import PageSettings, Settings, Signpost
from intake_server.web.budgets import HOUR, Budgets
from intake_server.web.dates import dates_for
from intake_server.web.duty import DutyWords
from intake_server.web.form_fields import EmptyMessage, Fields, MessageTooLong, split
from intake_server.web.form_token import LIFE_SECONDS, FormTokens, TokenExpired, new_token_key
from intake_server.web.pace import A_SECOND, AT_ONCE, Pace
from intake_server.web.phrase_hash import hashed_phrase
from intake_server.web.places import BoundedThreads, NoPlace, Places
from intake_server.web.routes import own_hosts, transport_headers
from intake_server.web.view import PADDING, Page, Site, StartPage, padded
from triage.retention import Promise
from triage.text import LONGEST_CHARACTERS
from vault.phrase import new_phrase, phrase_keys

PROMISE = Promise(336, 1440, 168, 336)
START_KEY = bytes(range(32))
BERLIN = ZoneInfo("Europe/Berlin")
ROOT = Path(__file__).parents[3]
STRINGS = ROOT / "intake_server" / "web" / "strings"


# --- languages ------------------------------------------------------------------------------


@pytest.fixture
def strings(tmp_path):
    def add(code, **texts):
        entries = {f"a.{key}": {"text": text, "note": "n"} for key, text in texts.items()}
        (tmp_path / f"{code}.json").write_text(json.dumps(entries), encoding="utf-8")
        return tmp_path

    return add


def test_a_file_adds_a_language(strings):
    strings("en", hello="Hello {name}")
    strings("ar", hello="مرحبا {name}")
    languages = load_languages(strings("de", hello="Hallo {name}"), "en")
    assert [one.code for one in languages.listed] == ["en", "ar", "de"]
    arabic = languages.get("ar")
    assert (arabic.name, arabic.direction) == ("العربية", "rtl")
    assert languages.get("de").text("a.hello", name="Ana") == "Hallo Ana"
    assert languages.get("xx") is None


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,en;q=0.5", "de"),
        ("fr,ar;q=0.4,de;q=0.6", "de"),
        ("de;q=0", "en"),
        ("de;q=x", "en"),
        ("*", "en"),
        (";;,,", "en"),
        ("x" * 100_000 + ",de", "en"),
    ],
)
def test_the_browsers_wish_is_followed(strings, accepted, chosen):
    for code in ("en", "ar", "de"):
        folder = strings(code, hello="x")
    assert load_languages(folder, "en").choose(accepted).code == chosen


def test_files_that_cannot_be_used_are_named(strings, tmp_path):
    with pytest.raises(StringsError, match=r"choose others in page\.language"):
        load_languages(strings("en", hello="x"), "de")
    with pytest.raises(StringsError, match=r"no strings for the language 'fr'"):
        load_languages(tmp_path, "en", ["fr"])
    (tmp_path / "de.json").write_text("{", encoding="utf-8")
    with pytest.raises(StringsError, match=r"de\.json"):
        load_languages(tmp_path, "en")
    (tmp_path / "de.json").rename(tmp_path / "nonsense.json")
    with pytest.raises(StringsError, match="not a language code"):
        load_languages(tmp_path, "en")


def test_what_an_older_file_lacks_is_said_in_english(strings):
    strings("en", hello="Hello {name}", bye="Goodbye", more="{count} more", gone="Gone")
    folder = strings("de", hello="Hallo {name}", more="noch {number}", gone="{", stale="Alt")
    german = load_languages(folder, "de").listed[0]
    assert german.text("a.hello", name="Ana") == "Hallo Ana"
    assert german.text("a.bye") == "Goodbye"
    assert german.text("a.more", count=2) == "2 more", "another value is asked for"
    assert german.text("a.gone") == "Gone", "it cannot be filled in"
    assert german.lacking == 3
    assert "a.stale" not in german.strings


def test_only_what_is_offered_is_read_and_the_default_comes_first(strings, tmp_path):
    for code in ("en", "ar", "de", "fr"):
        folder = strings(code, hello=code)
    languages = load_languages(folder, "de", ["fr", "ar"])
    assert [one.code for one in languages.listed] == ["de", "ar", "fr"]
    assert languages.choose("en").code == "de"
    assert [one.code for one in languages.in_order("fr;q=0.9, xx, ar-EG")] == ["ar", "fr", "de"]
    assert [one.code for one in languages.in_order("")] == ["de", "fr", "ar"]
    (tmp_path / "en.json").unlink()
    assert load_languages(folder, "de").get("fr").text("a.hello") == "fr"


def test_a_file_says_whether_a_native_speaker_has_read_it(strings, tmp_path):
    strings("en", hello="x")
    (tmp_path / "de.json").write_text('{"reviewed_by_native": true, "a.hello": {"text": "y"}}')
    (tmp_path / "fr.json").write_text('{"reviewed_by_native": false, "a.hello": {"text": "y"}}')
    (tmp_path / "ar.json").write_text('{"a.hello": {"text": "y"}}')
    assert unreviewed(load_languages(tmp_path, "en").listed) == ["ar", "fr"]


@given(st.text())
def test_json_in_a_script_cannot_end_it(text):
    written = script_json({"x": text})
    assert not set("<>&") & set(written)
    assert json.loads(written) == {"x": text}


# --- the template ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site():
    post = Signpost(name="<b>Other</b>", how="Day & night", telephone="0800 000-1")
    page = PageSettings(organisation='"A" & <b>', must_tell="<i>", signposts=(post,))
    return Site(Settings(page=page))


@pytest.mark.parametrize(
    "state",
    ["opening", "write", "back", "phrase", "conversation", "receipt", "trouble", "closed"],
)
def test_every_state_escapes_what_people_wrote(site, state):
    mean = "</textarea></script><img src=x onerror=alert(1)>\"'&"
    page = Page(
        state=state, problem=mean, text=mean, rest=mean, name=mean, phrase_text=mean, notice=mean
    )
    html = site.render(page, site.languages[0]).decode()
    assert "<img" not in html
    assert "<b>" not in html
    assert "<i>" not in html
    assert "onerror=alert" not in html.replace("onerror=alert(1)&gt;", "")


def test_the_page_is_written_from_right_to_left_where_the_language_is(site):
    from dataclasses import replace

    arabic = replace(site.languages[0], code="ar", direction="rtl")
    html = site.render(Page(state="closed"), arabic).decode()
    assert '<html lang="ar" dir="rtl">' in html
    assert 'href="tel:08000001"' in html


def test_nothing_that_an_admin_writes_takes_a_visitors_token(site):
    """A field that looked like the token's place would show the token to the eye."""
    first = site.start(*start_parts(site), is_open=True).filled("T" * 40).decode()
    found = re.search(r'name="token" value="(T{40})"', first)
    assert found
    assert first.count("T" * 40) == first.count('value="' + "T" * 40) + first.count(
        '"form_token":"' + "T" * 40
    )
    settings = Settings(page=PageSettings(organisation="\N{SYMBOL FOR SUBSTITUTE}token"))
    mean = Site(settings)
    page = mean.start(*start_parts(mean), is_open=True).filled("T" * 40).decode()
    assert page.count("T" * 40) == first.count("T" * 40)
    assert "\N{SYMBOL FOR SUBSTITUTE}token" in page


def start_parts(site):
    language = site.languages[0]
    return language, "14 days", DutyWords("", "", ""), {}, 40


def test_a_number_is_shown_as_it_is_dialled_or_dials_nothing():
    posts = (
        Signpost(name="Turned \u202eeno", telephone="0800 \u202e123\u202c 4"),
        Signpost(name="Two", telephone="0800 1 or 0900 2"),
        Signpost(name="One", telephone="+49 (0)800/11-2"),
        Signpost(name="Long", telephone="1" * 60),
    )
    site = Site(Settings(page=PageSettings(signposts=posts, organisation="A\u2067\u200dB\x07")))
    html = site.render(Page(state="closed"), site.languages[0]).decode()
    assert re.findall(r'href="tel:([^"]*)">([^<]*)<', html) == [
        ("08001234", "0800 123 4"),
        ("+49080011" + "2", "+49 (0)800/11-2"),
    ]
    assert "<bdi>0800 1 or 0900 2</bdi>" in html
    assert "A\u200dB" in html
    assert not set(html) & set("\u202e\u202c\u2067\x07")


@given(st.binary(max_size=3 * PADDING))
def test_padding_makes_whole_multiples_and_loses_nothing(body):
    made = padded(body)
    assert len(made) % PADDING == 0
    assert len(made) - len(body) < PADDING
    assert made.startswith(body)


# --- form tokens -----------------------------------------------------------------------------


class Turned:
    def __init__(self):
        self.time = 1_800_000_000

    def __call__(self):
        return self.time


@pytest.fixture
def clock():
    return Turned()


@pytest.fixture
def tokens(clock):
    return FormTokens(new_token_key(), clock)


def test_a_token_gives_the_same_phrase_ids_and_keys_each_time(tokens):
    text = tokens.first(PROMISE, START_KEY)
    first, again = tokens.open(text), tokens.open(text)
    assert first.promise == PROMISE
    assert first.start_key == START_KEY
    assert first.phrase == again.phrase
    assert first.conversation_id == again.conversation_id
    assert first.keys.messages.public == again.keys.messages.public
    assert first.keys.notes.public != first.keys.messages.public
    assert first.message_id("a", "", danger=False) == again.message_id("a", "", danger=False)
    other = tokens.open(tokens.first(PROMISE, START_KEY))
    assert other.phrase != first.phrase


def test_a_changed_message_has_another_id(tokens):
    token = tokens.open(tokens.first(PROMISE, START_KEY))
    ids = {
        token.message_id(text, name, danger=danger)
        for text, name, danger in (
            ("a", "", False),
            ("b", "", False),
            ("a", "b", False),
            ("ab", "", False),
            ("a", "", True),
        )
    }
    assert len(ids) == 5


def test_a_token_carries_a_phrase_and_does_not_show_it(tokens):
    phrase = new_phrase()
    text = tokens.returned(phrase)
    token = tokens.open(text)
    assert token.phrase == phrase
    assert token.promise is None
    assert "secret" in repr(token)
    assert len(text) == len(tokens.returned(new_phrase()))


def test_a_token_lives_an_hour(tokens, clock):
    text = tokens.first(PROMISE, START_KEY)
    clock.time += LIFE_SECONDS
    tokens.open(text)
    clock.time += 1
    with pytest.raises(TokenExpired):
        tokens.open(text)
    clock.time -= LIFE_SECONDS + 3600
    with pytest.raises(TokenExpired):
        tokens.open(text)


def test_a_token_of_another_process_is_nothing(tokens, clock):
    with pytest.raises(TokenExpired):
        FormTokens(new_token_key(), clock).open(tokens.first(PROMISE, START_KEY))


@given(st.data())
def test_a_token_with_any_bit_flipped_is_nothing(data):
    tokens = FormTokens(new_token_key(), lambda: 1_800_000_000)
    text = tokens.first(PROMISE, START_KEY)
    place = data.draw(st.integers(0, len(text) - 2))
    sign = data.draw(st.sampled_from("ABCXYZabc-_019"))
    if text[place] == sign:
        return
    with pytest.raises(TokenExpired):
        tokens.open(text[:place] + sign + text[place + 1 :])


@given(st.text(max_size=300))
def test_any_text_may_come_as_a_token(text):
    with pytest.raises(TokenExpired):
        FormTokens(new_token_key(), lambda: 0).open(text)


# --- budgets ---------------------------------------------------------------------------------


def test_a_budget_is_for_each_conversation_and_for_an_hour():
    now = [0.0]
    budgets = Budgets(2, lambda: now[0])
    for at in (0.0, 600.0):
        now[0] = at
        assert budgets.spent(b"a", danger=False) is None
        budgets.count(b"a")
    assert budgets.spent(b"a", danger=False).seconds == HOUR - 600
    assert budgets.spent(b"a", danger=True) is None
    assert budgets.spent(b"b", danger=False) is None
    now[0] = HOUR
    assert budgets.spent(b"a", danger=False) is None
    now[0] = 2 * HOUR
    assert budgets.spent(b"a", danger=False) is None
    assert budgets._stored == {}


def test_danger_counts_without_being_held_up():
    budgets = Budgets(1, lambda: 0.0)
    for _ in range(5):
        assert budgets.spent(b"a", danger=True) is None
        budgets.count(b"a")
    assert budgets.spent(b"a", danger=False) is not None
    budgets.forget(b"a")
    assert budgets.spent(b"a", danger=False) is None


def test_a_conversations_turn_is_one_and_is_kept_only_while_held():
    budgets = Budgets(1, lambda: 0.0)
    turn = budgets.turn(b"a")
    assert budgets.turn(b"a") is turn
    assert budgets.turn(b"b") is not turn
    del turn
    assert len(budgets._turns) == 0


# --- crowds ----------------------------------------------------------------------------------


def test_nonces_are_given_at_a_pace_that_evicts_nobodys():
    now = [0.0]
    pace = Pace(lambda: now[0])
    assert sum(pace.take() == 0 for _ in range(1000)) == AT_ONCE
    assert 0 < pace.take() <= 1 / A_SECOND
    now[0] = 1.0
    assert sum(pace.take() == 0 for _ in range(1000)) == A_SECOND
    now[0] = 1000.0
    assert sum(pace.take() == 0 for _ in range(1000)) == AT_ONCE


async def test_places_are_so_many_and_come_back():
    places = Places(2, 0.01)
    async with places.one(), places.one():
        with pytest.raises(NoPlace):
            async with places.one():
                pass
    async with places.one(), places.one():
        pass


async def test_who_waits_for_a_place_gets_the_next_one():
    places = Places(1, 60)
    entered = asyncio.Event()

    async def second():
        async with places.one():
            entered.set()

    async with places.one():
        waiting = asyncio.create_task(second())
        await asyncio.sleep(0)
        assert not entered.is_set()
    await waiting
    assert entered.is_set()


async def test_so_many_steps_stand_before_the_threads():
    gate = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        bounded = BoundedThreads(threads, 2)
        standing = [asyncio.create_task(bounded.run(gate.wait)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(NoPlace):
            await bounded.run(gate.wait)
        gate.set()
        assert await asyncio.gather(*standing) == [True, True]
        assert await bounded.run(lambda: "free again") == "free again"


# --- dates -----------------------------------------------------------------------------------


def test_times_are_shown_in_the_hotlines_zone_with_its_city(site):
    dates = dates_for(site.languages[0], BERLIN)
    night = datetime(2025, 12, 4, 23, 30, tzinfo=UTC)
    assert dates.day(night) == "5 December"
    assert dates.clock(night) == "00:30 (Berlin)"
    assert dates.local_day(night) == date(2025, 12, 5)
    assert dates.is_today(night, datetime(2025, 12, 5, 10, tzinfo=UTC))
    assert not dates.is_today(night, datetime(2025, 12, 4, 10, tzinfo=UTC))
    assert dates.end_of(date(2025, 7, 1)) == datetime(2025, 7, 1, 21, tzinfo=UTC)


def test_periods_are_days_where_they_are(site):
    dates = dates_for(site.languages[0], BERLIN)
    assert [dates.period(hours) for hours in (1, 24, 36, 336)] == [
        "1 hour",
        "1 day",
        "36 hours",
        "14 days",
    ]


# --- fields ----------------------------------------------------------------------------------


@given(st.text(max_size=3 * LONGEST_CHARACTERS))
def test_splitting_loses_nothing_and_the_first_part_fits(text):
    first, rest = split(text)
    assert first + rest == text
    assert first or not text
    with contextlib.suppress(EmptyMessage):
        assert Fields(text=first).words().text


def test_a_long_text_is_split_at_a_space():
    text = "word " * LONGEST_CHARACTERS
    first, _ = split(text)
    assert first.endswith("word ")


@given(st.binary(max_size=400))
def test_any_bytes_may_come_as_a_form(body):
    try:
        fields = Fields.of(body)
    except ValueError:
        return
    assert fields.text.encode() is not None


def test_a_name_that_is_too_long_is_told():
    with pytest.raises(MessageTooLong):
        Fields(text="x", name="n" * 41).words()


# --- addresses -------------------------------------------------------------------------------


def test_transport_is_strict_with_tls_and_not_for_an_onion_service():
    assert transport_headers("https://talk.example.org") != {}
    assert transport_headers("https://abc.onion") == {}
    assert transport_headers("http://talk.example.org") == {}
    assert transport_headers(None) == {}
    assert own_hosts("https://talk.example.org:444") == {"talk.example.org:444"}
    assert own_hosts(None) == set()


# --- the first page, packed -----------------------------------------------------------------


PLACE = "\N{SYMBOL FOR SUBSTITUTE}token"


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=300), min_size=1
    )
)
def test_the_packed_first_page_is_the_first_page(parts):
    token = "t" * 40
    page = StartPage(
        PLACE.join(part.replace(PLACE[0], "") for part in parts).encode(), PLACE, len(token)
    )
    assert gzip.decompress(page.packed(token)) == page.filled(token)


def test_no_size_tells_of_a_token():
    page = StartPage((PLACE + "abcabcabc" * 500 + PLACE).encode(), PLACE, 40)
    assert len(page.packed("abcabcabc" * 4 + "abca")) == len(page.packed("q7Rk" * 10))
    assert len(page.packed("q7Rk" * 10)) < 1024


def test_the_page_sends_the_texts_that_the_code_asks_for():
    asked = {
        text
        for source in (ROOT / "browser" / "client").glob("*.js")
        for text in re.findall(r"""["'`]([cs]\d\d\.\w+)["'`]""", source.read_text())
    }
    assert asked == texts_of(ROOT / "intake_server" / "web" / "static")
    assert asked <= set(json.loads((STRINGS / "en.json").read_text()))


# --- Argon2id of the form path --------------------------------------------------------------


def test_both_implementations_derive_the_same_keys():
    one = new_phrase()
    here, there = hashed_phrase(one), phrase_keys(one)
    assert here.lookup_tag == there.lookup_tag
    assert here.box.public == there.box.public
    assert here.sign.public == there.sign.public
