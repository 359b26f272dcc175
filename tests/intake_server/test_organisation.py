"""What the organisation says: read strictly, laid over the settings, never a trial in public."""

import msgspec
import pytest

from intake_server.desk.countries import load_countries
from intake_server.organisation import (
    PRESETS,
    DetailsRefused,
    about,
    is_reachable,
    read_details,
)
from intake_server.settings import PageSettings, Settings, WebSettings
from triage.retention import DEFAULT_POLICY, Policy, Promise, Rule, policy_from_toml

OWN = Policy((Rule("own", Promise(1, 2, 1, 1)),))
LEAST = {"schema": 1, "made": 5, "mode": "real"}


def body(**more):
    return msgspec.json.encode(LEAST | more)


@pytest.mark.parametrize(
    "more",
    [
        {"schema": 2},
        {"mode": "demo"},
        {"made": -1},
        {"made": 2**60},
        {"unknown": 1},
        {"organisation": "two\nlines"},
        {"data_contact": "x" * 201},
        {"must_tell": "x" * 2001},
        {"hours": ["nine to five"]},
        {"hours": ["mon 09:00-10:00"] * 22},
        {"time_zone": "Europe/Nowhere"},
        {"emergency_number": "call us"},
        {"country": "deu"},
        {"languages": ["English"]},
        {"retention": "for ever"},
        {"signposts": [{"name": "x"}]},
        {"signposts": [{"name": "x", "telephone": "1"}] * 21},
        {"title": "Help for victims"},
    ],
)
def test_what_is_not_of_the_form_is_refused_and_not_repeated(more):
    with pytest.raises(DetailsRefused) as caught:
        read_details(body(**more))
    assert "victims" not in str(caught.value)


@pytest.mark.parametrize("raw", [b"", b"[]", b"\xff", b"{}", b"[" * 100_000])
def test_what_are_no_details_is_refused(raw):
    with pytest.raises(DetailsRefused):
        read_details(raw)


def test_what_is_filled_in_goes_before_the_settings_and_the_rest_stays():
    settings = Settings(page=PageSettings(organisation="Old", complain="write", title="Notes"))
    details = read_details(body(organisation="New", hours=["mon-fri 09:00-17:00"]))
    made = about(settings, DEFAULT_POLICY, details, 3, own_file=False)
    page = made.page
    assert (page.organisation, page.complain, page.title) == ("New", "write", "Notes")
    assert page.hours == ("mon-fri 09:00-17:00",)
    assert (made.number, made.mode, made.policy) == (3, "real", DEFAULT_POLICY)


def test_the_choice_of_keeping_is_what_new_people_are_promised():
    for name, promise in PRESETS.items():
        details = read_details(body(retention=name))
        made = about(Settings(), DEFAULT_POLICY, details, own_file=False)
        assert made.promise == promise
        with_file = about(Settings(), OWN, details, own_file=True)
        assert with_file.promise.absolute_hours == 2  # the operator's file goes before it


def test_the_choices_are_policies_that_the_reader_takes():
    for name, kept in PRESETS.items():
        written = "\n".join(
            f'{key} = "{hours}h"'
            for key, hours in (
                ("inactivity", kept.inactivity_hours),
                ("absolute", kept.absolute_hours),
                ("closed", kept.closed_hours),
                ("address", kept.address_hours),
            )
        )
        policy = policy_from_toml(f'schema = 1\n[[rule]]\nid = "{name}"\n{written}\n')
        assert policy.rules[0].promise == kept
    assert PRESETS["short"] == DEFAULT_POLICY.rules[0].promise
    hours = {name: (p.inactivity_hours, p.absolute_hours) for name, p in PRESETS.items()}
    assert hours == {"hours": (24, 168), "short": (336, 1440), "counselling": (1440, 8760)}


@pytest.mark.parametrize(
    ("host", "public_url", "reachable"),
    [
        ("127.0.0.1", None, False),
        ("::1", None, False),
        ("localhost", "http://localhost:8080", False),
        ("127.0.0.1", "https://talk.example.org", True),
        ("127.0.0.1", f"http://{'a' * 56}.onion", True),
        ("0.0.0.0", None, True),
    ],
)
def test_a_page_that_others_reach_is_never_a_trial(host, public_url, reachable):
    settings = Settings(web=WebSettings(host=host, public_url=public_url))
    assert is_reachable(settings) is reachable
    trial = read_details(body(mode="trial"))
    for details in (None, trial):
        made = about(settings, DEFAULT_POLICY, details, own_file=False)
        assert made.mode == ("real" if reachable else "trial")
    chosen = about(Settings(), DEFAULT_POLICY, read_details(body()), own_file=False)
    assert chosen.mode == "real"


def test_every_country_to_begin_with_is_one_that_could_be_saved():
    countries = load_countries()
    codes = [one.code for one in countries]
    assert codes == sorted(set(codes))
    assert {"DE", "GB", "RO", "UA"} <= set(codes)
    for one in countries:
        details = read_details(
            body(
                country=one.code,
                emergency_number=one.emergency,
                time_zone=one.time_zone,
                signposts=[msgspec.to_builtins(post) for post in one.signposts],
            )
        )
        assert details.signposts
