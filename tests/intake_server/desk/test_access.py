"""Who may ask what: default deny over the whole table, and the ends of a session."""

from datetime import timedelta

import pytest

from intake_server.desk.bodies import to_text
from intake_server.desk.routes import Need
from intake_server.desk.sessions import IDLE, LONGEST, MOST_FOR_ONE, Sessions
from tests.intake_server.desk.place import streaming
from vault.roster import Role
from vault.sealing import random_bytes

OPEN_TO_ALL = {
    "/api/hello",
    "/api/setup/keys",
    "/api/setup",
    "/api/signin/salt",
    "/api/signin",
    "/api/nonce",
    "/api/invitation",
    "/api/join",
    "/api/recover",
}
FOR_EVERYBODY = {"/api/signout", "/api/roster", "/api/counts"}
WATCHING = {"/api/events", "/api/queue"}
OFFICE = {"/api/office/ready", "/api/office/details", "/api/office/save"}
REPORT = "/api/indicators/report"
INVITING = {"/api/team", "/api/team/invite", "/api/team/withdraw", "/api/channels", REPORT}
ALLOWED = {
    Role.COUNSELLOR: None,  # everything but what is named below
    Role.SUPERVISOR: FOR_EVERYBODY | WATCHING | INVITING,
    Role.ADMIN: FOR_EVERYBODY | INVITING | OFFICE | {"/api/team/append"},
    Role.AUDITOR: FOR_EVERYBODY,
}
NOT_A_COUNSELLORS = {"/api/team/invite", "/api/team/withdraw", REPORT, *OFFICE}
SIGNED_OUT = (401, {"error": "signed_out"})
FORBIDDEN = (403, {"error": "forbidden"})


def table(place):
    return place.served.routes.table


def guarded(place):
    return sorted(
        path for method, path in table(place) if method == "POST" and path not in OPEN_TO_ALL
    )


async def test_what_is_open_to_all_is_written_down_twice(empty):
    free = {path for (_, path), route in table(empty).items() if isinstance(route.need, Need)}
    free -= FOR_EVERYBODY
    assert {path for path in free if not path.startswith("/static/")} == OPEN_TO_ALL | {"/"}
    assert len(guarded(empty)) == 39


async def test_nothing_else_is_answered_without_a_session(empty):
    wrong = [None, "", "x", to_text(random_bytes(32)), to_text(random_bytes(31)), "A" * 4000, "é"]
    for path in guarded(empty):
        for token in wrong[: 7 if path == "/api/queue" else 4]:
            named = {} if token is None else {"Havenline-Session": token}
            status, _, body = await empty.raw(path, b"not even JSON", **named)
            assert (status, body) == (401, b'{"error":"signed_out"}'), path


async def test_a_nonce_for_a_session_needs_the_session(empty):
    assert (await empty.ask("/api/nonce", {}))[0] == 200
    assert await empty.ask("/api/nonce", {}, to_text(random_bytes(32))) == SIGNED_OUT


async def test_paths_outside_the_table_are_not_here(place, ana):
    for path in ("/api", "/api/", "/api/queue/", "/api//queue", "/queue", "/api/append"):
        assert (await place.ask(path, {}, ana.session))[0] == 404, path
    async with place.http.get(f"{place.desk}/api/queue") as response:
        assert response.status == 405


@pytest.mark.parametrize("role", ALLOWED)
async def test_every_route_and_every_role(place, role):
    allowed = ALLOWED[role] or set(guarded(place)) - NOT_A_COUNSELLORS
    jo = await place.colleague("Jo", role)
    for path in guarded(place):
        if path != "/api/signout":
            status, answer = await place.ask(path, {"no": "such field"}, jo.session)
            expected = (400, {"error": "malformed"}) if path in allowed else FORBIDDEN
            assert (status, answer) == expected, path
    assert await place.ask("/api/signout", {}, jo.session) == (200, {})


async def test_a_change_of_roles_counts_within_seconds(place, ana):
    jo = await place.colleague("Jo")
    assert (await place.ask("/api/queue", {}, jo.session))[0] == 200
    from tests.intake_server.keeper.world import Member
    from vault.roster import EntryType, person_payload

    member = Member("Jo", staff_id=jo.staff_id, seed=jo.seed)
    await place.hotline.append(EntryType.PERSON, person_payload(member.person(Role.AUDITOR)))
    place.clock.turn(seconds=6)
    assert await place.ask("/api/queue", {}, jo.session) == FORBIDDEN
    assert (await place.ask("/api/queue", {}, ana.session))[0] == 200


async def test_another_site_is_refused(place, ana):
    for path in guarded(place) + sorted(OPEN_TO_ALL):
        for header in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
            named = {"Havenline-Session": ana.session} | header
            status, _, body = await place.raw(path, b"{}", **named)
            assert (status, body) == (403, b'{"error":"forbidden"}'), path


# --- the ends of a session ------------------------------------------------------------------


async def test_half_an_hour_without_a_call(place, ana):
    for _ in range(3):
        place.clock.turn(minutes=29)
        assert (await place.ask("/api/queue", {}, ana.session))[0] == 200
    place.clock.turn(minutes=30)
    assert await place.ask("/api/queue", {}, ana.session) == SIGNED_OUT


async def test_ten_hours_at_most(place, ana):
    for _ in range(20):
        place.clock.turn(minutes=29)
        assert (await place.ask("/api/queue", {}, ana.session))[0] == 200
    place.clock.turn(minutes=21)
    assert await place.ask("/api/queue", {}, ana.session) == SIGNED_OUT


async def test_removal_ends_every_session(place, ana):
    jo = await place.colleague("Jo")
    tokens = [jo.session, to_text(place.served.sessions.begin(jo.staff_id))]
    async with streaming(place, jo) as stream:
        assert await stream.line() == {"beat": True}
        await place.dismiss(jo)
        place.clock.turn(seconds=6)
        for token in tokens:
            assert await place.ask("/api/queue", {}, token) == SIGNED_OUT
        assert await stream.rest() == []
    assert (await place.ask("/api/queue", {}, ana.session))[0] == 200


async def test_a_stream_ends_with_the_removal_alone(place):
    jo = await place.colleague("Jo")
    async with streaming(place, jo) as stream:
        assert await stream.line() == {"beat": True}
        await place.dismiss(jo)
        assert await stream.rest() == []


async def test_a_restart_ends_every_session(place, ana):
    await place.stop()
    await place.start()
    assert await place.ask("/api/queue", {}, ana.session) == SIGNED_OUT


class Hand:
    def __init__(self):
        self.at = 0.0

    def __call__(self):
        return self.at


def test_tokens_are_random_and_kept_as_hashes():
    sessions = Sessions(Hand())
    token = sessions.begin(b"a" * 16)
    assert len(token) == 32
    assert token not in sessions._by_hash
    assert sessions.of(token) is not None
    assert sessions.of(token[:-1] + bytes([token[-1] ^ 1])) is None
    assert sessions.begin(b"a" * 16) != token


@pytest.mark.parametrize(("step", "until"), [(IDLE, IDLE), (IDLE - 1, LONGEST)])
def test_what_has_ended_stays_ended(step, until):
    hand = Hand()
    sessions = Sessions(hand)
    token = sessions.begin(b"a" * 16)
    held = sessions.of(token)
    while hand.at + step < until:
        hand.at += step
        assert sessions.of(token) is held
    hand.at = until
    assert not sessions.lives(held)
    assert sessions.of(token) is None
    hand.at = 0.0
    assert sessions.of(token) is None


def test_one_person_has_a_few_sessions_and_the_oldest_go():
    sessions = Sessions(Hand())
    other = sessions.begin(b"b" * 16)
    tokens = [sessions.begin(b"a" * 16) for _ in range(MOST_FOR_ONE + 2)]
    alive = [sessions.of(token) is not None for token in tokens]
    assert alive == [False] * 2 + [True] * MOST_FOR_ONE
    assert sessions.of(other) is not None


def test_a_session_shows_nothing_of_its_person():
    sessions = Sessions(Hand())
    session = sessions.of(sessions.begin(b"secret-staff-id!"))
    assert "secret" not in repr(session)
    assert timedelta(seconds=LONGEST) == timedelta(hours=10)
