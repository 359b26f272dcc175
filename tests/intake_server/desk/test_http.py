"""What goes over the wire: the page, headers on everything, and bodies that are malformed."""

import asyncio
import contextlib
import json
import re
import typing
from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intake_server.desk import attachments_api, bodies, indicators_api, office_bodies, team_bodies
from intake_server.desk.bodies import Body, Sized, read_body, read_token, to_text
from intake_server.desk.page import client_page_url
from intake_server.desk.routes import own_hosts, transport_headers
from intake_server.pages import HEADERS
from intake_server.settings import Settings, WebSettings
from vault.sealing import Malformed, random_bytes

NEVER = {"set-cookie", "server", "etag", "last-modified", "access-control-allow-origin"}
MALFORMED = (400, {"error": "malformed"})

# The body that each route takes, for what could be wrong with it.
BODIES = {
    "/api/hello": bodies.Nothing,
    "/api/setup/keys": bodies.Nothing,
    "/api/setup": bodies.SetUp,
    "/api/signin/salt": bodies.Salt,
    "/api/signin": bodies.SignIn,
    "/api/nonce": bodies.Nothing,
    "/api/signout": bodies.Nothing,
    "/api/events": bodies.After,
    "/api/queue": bodies.Queue,
    "/api/claim": bodies.Of,
    "/api/release": bodies.Of,
    "/api/open": bodies.Open,
    "/api/ways": bodies.Ways,
    "/api/messages": bodies.MessagesAfter,
    "/api/reply": bodies.Reply,
    "/api/note": bodies.Note,
    "/api/draft": bodies.Draft,
    "/api/urgency": bodies.Urgency,
    "/api/close": bodies.Close,
    "/api/invitation": team_bodies.InvitationKey,
    "/api/join": team_bodies.Join,
    "/api/recover": team_bodies.Recover,
    "/api/roster": team_bodies.RosterAfter,
    "/api/counts": bodies.Nothing,
    "/api/channels": bodies.Nothing,
    "/api/team": team_bodies.Team,
    "/api/team/invite": team_bodies.Invite,
    "/api/team/withdraw": team_bodies.Person,
    "/api/team/append": team_bodies.Append,
    "/api/team/grant": team_bodies.Grant,
    "/api/team/grants": team_bodies.Grants,
    "/api/handover": team_bodies.HandOver,
    "/api/rewrap/behind": team_bodies.Behind,
    "/api/rewrap/open": team_bodies.OldWrap,
    "/api/rewrap": team_bodies.Rewrap,
    "/api/page/asking": team_bodies.PageAsking,
    "/api/page/let_in": team_bodies.PageLetIn,
    "/api/page/refuse": team_bodies.PageRefuse,
    "/api/office/ready": bodies.Nothing,
    "/api/office/details": bodies.Nothing,
    "/api/office/save": office_bodies.Save,
    "/api/story/copy": office_bodies.CopyOf,
    "/api/story/open": office_bodies.CopyOpen,
    "/api/attach": attachments_api.Attach,
    "/api/attached": attachments_api.Attached,
    "/api/indicators/count": indicators_api.Decisions,
    "/api/indicators/report": bodies.Nothing,
    "/api/safeguarding": bodies.Nothing,
}


def check_headers(headers):
    for name, value in HEADERS.items():
        assert headers[name] == value, name
    assert {name.lower() for name in headers} & NEVER == set()


def good(kind):
    """A body of this kind with every field, each of its least size."""
    built = {}
    for field in msgspec.structs.fields(kind):
        hint = field.type
        if typing.get_origin(hint) is typing.Annotated:
            hint = typing.get_args(hint)[0]
        options = typing.get_args(hint) or (hint,)
        of_bytes = next(
            (one for one in options if isinstance(one, type) and issubclass(one, Sized)), None
        )
        if of_bytes is not None and typing.get_origin(hint) is not list:
            built[field.name] = to_text(bytes(of_bytes.least))
        elif of_bytes is not None:
            built[field.name] = [to_text(bytes(of_bytes.least))]
        elif bool in options:
            built[field.name] = False
        elif field.name == "channel":
            built[field.name] = "signal"
        elif field.name == "conversations":
            built[field.name] = [to_text(bytes(16))]
        else:
            built[field.name] = 1
    return built


# --- the page -------------------------------------------------------------------------------


class Shell(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags, self.texts, self._in = [], {}, []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        given_ = dict(attributes)
        self.tags.append((tag, given_))
        if tag not in {"meta", "link"}:
            self._in.append(given_.get("id") or tag)

    def handle_endtag(self, _tag):
        self._in.pop()

    def handle_data(self, data):
        if self._in:
            self.texts[self._in[-1]] = self.texts.get(self._in[-1], "") + data


async def test_the_page_is_a_shell_with_its_words(empty):
    async with empty.http.get(f"{empty.desk}/") as response:
        assert response.status == 200
        check_headers(response.headers)
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        shell = Shell(await response.text())
    config = json.loads(shell.texts["config"])
    assert config["strings"]["signin.title"] == "Sign in"
    assert config["client_page_url"] == "http://127.0.0.1:0/"
    assert config["language"] == "en"
    assert config["title"] == shell.texts["title"] == "Desk"
    assert ("main", {"id": "app"}) in shell.tags
    assert ("link", {"rel": "stylesheet", "href": "/static/desk.css"}) in shell.tags
    scripts = [given_ for tag, given_ in shell.tags if tag == "script"]
    assert all(one.get("type") in {"module", "application/json"} for one in scripts)
    assert all(one["src"].startswith("/static/built/desk.js") for one in scripts if "src" in one)
    assert not any("style" in given_ or tag == "style" for tag, given_ in shell.tags)


async def test_the_files_of_the_page_are_served(empty):
    static = [path for method, path in empty.served.routes.table if path.startswith("/static/")]
    assert "/static/desk.css" in static
    for path in static:
        async with empty.http.get(empty.desk + path) as response:
            assert response.status == 200
            check_headers(response.headers)
            assert await response.read()


def test_the_client_page_is_named_as_it_is_reached():
    named = Settings(web=WebSettings(public_url="https://help.example"))
    assert client_page_url(named) == "https://help.example"
    assert client_page_url(Settings(web=WebSettings(host="::1", port=8))) == "http://[::1]:8/"


def test_strict_transport_only_with_tls():
    assert transport_headers("https://desk.example")
    assert transport_headers("http://desk.example") == {}
    assert transport_headers("https://abc.onion") == {}
    assert transport_headers(None) == {}
    assert own_hosts("https://desk.example:8443") == {"desk.example:8443"}


# --- headers and oddities -------------------------------------------------------------------


async def test_headers_stand_on_every_answer(place, ana):
    asked = [(method, path, b"{}", ana.session) for method, path in place.served.routes.table]
    asked += [(method, path, b"\xff", "") for method, path in place.served.routes.table]
    asked += [
        ("GET", "/nothing", b"", ""),
        ("GET", "/static/../work.py", b"", ""),
        ("GET", "/api/open", b"", ana.session),
        ("HEAD", "/", b"", ""),
        ("DELETE", "/api/claim", b"", ana.session),
        ("POST", "/api/hello", b"x" * 200_000, ""),
    ]
    for method, path, body, session in asked:
        if path == "/api/signout":
            continue
        named = {"Content-Type": "application/json"}
        named |= {"Havenline-Session": session} if session else {}
        async with place.http.request(
            method, place.desk + path, data=body if method == "POST" else None, headers=named
        ) as response:
            check_headers(response.headers)
            await response.read()


async def test_what_is_no_http_gets_one_calm_answer(empty):
    port = empty.served.port
    for data in (b"\x16\x03\x01\x00\x05hello", b"GET / HTTP/9.9", b"X" * 9000):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data + b"\r\n\r\n")
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        assert head.split()[1] == b"400"
        assert body == b'{"error":"not_here"}'
        check_headers(dict(line.split(": ", 1) for line in head.decode().splitlines()[1:]))


async def test_long_and_unlabelled_bodies_are_refused(place, ana):
    too_long = await place.raw("/api/hello", b" " * 131_073)
    assert (too_long[0], too_long[2]) == (413, b'{"error":"malformed"}')
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for path in BODIES:
        named = form | {"Havenline-Session": ana.session}
        assert (await place.raw(path, b"{}", **named))[0] == 400, path


# --- bodies ---------------------------------------------------------------------------------


async def test_every_route_has_a_body_here(empty):
    posts = {path for method, path in empty.served.routes.table if method == "POST"}
    assert posts == set(BODIES)


async def test_malformed_bodies_are_refused_by_every_route(place, ana):
    for path, kind in BODIES.items():
        whole = good(kind)
        wrong = [b"", b"[]", b"null", b"\xff", b"{", b'{"more": 1}', b"[" * 50_000]
        for name in whole:
            wrong += [
                json.dumps({**whole, name: value}).encode()
                for value in (
                    1.5,
                    -1,
                    2**53,
                    "=",
                    "A",
                    "A" * 60_000,
                    [1],
                    {},
                    True if name != "anyway" else 1,
                )
            ]
        for data in wrong:
            status, _, body = await place.raw(path, data, **{"Havenline-Session": ana.session})
            assert (status, json.loads(body)) == MALFORMED, (path, data[:60])


async def test_odd_bodies_never_fail_inside(place, ana):
    values = st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text()
        | st.just(to_text(bytes(16))),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=6,
    )
    loop_bodies = []

    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(sorted(BODIES)), st.data())
    def collect(path, data):
        whole = good(BODIES[path])
        changed = {
            name: data.draw(values)
            for name in data.draw(st.sets(st.sampled_from(sorted(whole) or ["x"])))
        }
        raw = data.draw(st.binary(max_size=40) | st.just(json.dumps(whole | changed).encode()))
        loop_bodies.append((path, raw))

    collect()
    for path, raw in loop_bodies:
        if path in {"/api/events", "/api/signout"}:
            continue  # these do what they are asked when the body happens to be right
        status, _, _ = await place.raw(path, raw, **{"Havenline-Session": ana.session})
        assert status in {200, 400, 403, 409, 410, 413, 429}, (path, raw)
    assert "request_failed" not in place.lines.getvalue()


@given(st.binary(max_size=200))
def test_reading_raises_malformed_or_gives_the_body(data):
    for kind in set(BODIES.values()):
        read = None
        with contextlib.suppress(Malformed):
            read = read_body(data, kind)
        assert read is None or isinstance(read, Body)


@given(st.binary(min_size=16, max_size=16))
def test_bytes_have_one_spelling(value):
    text = to_text(value)
    assert read_body(json.dumps({"tag": text}).encode(), bodies.Salt).tag == value
    # The last character carries four bits that do not count.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = text[:-1] + alphabet[alphabet.index(text[-1]) ^ 1]
    for wrong in (other, text + "==", text.replace("-", "+") + "\n", text + "A", text[:-1]):
        with pytest.raises(Malformed):
            read_body(json.dumps({"tag": wrong}).encode(), bodies.Salt)


def test_a_request_shows_nothing_of_itself():
    body = read_body(json.dumps(good(bodies.Reply)).encode(), bodies.Reply)
    assert repr(body) == "Reply"


@pytest.mark.parametrize(
    "header", [None, "", "A", "A" * 42, "A" * 44, "A" * 65, "é" * 43, "A" * 42 + "+"]
)
def test_what_is_no_token(header):
    assert read_token(header) is None


def test_a_token():
    token = random_bytes(32)
    assert read_token(to_text(token)) == token


# --- logs -----------------------------------------------------------------------------------


async def test_nothing_about_anybody_reaches_the_log(place, ana):
    client = await place.client("canary text of a client", name="canary pseudonym")
    await ana.claim(client.conversation)
    opened = await ana.open(client.conversation)
    await opened.reply("canary text of an answer")
    await opened.close()
    await place.ask("/api/canary-path", {"canary": "field"}, ana.session)
    await place.raw("/api/claim", b"canary body", **{"Havenline-Session": "canary-token"})
    await place.hotline.kill()
    place.clock.turn(seconds=6)
    assert (await place.ask("/api/queue", {}, ana.session))[0] == 503
    written = place.lines.getvalue()
    assert "not_done" in written
    for secret in (client.conversation, ana.staff_id, client.own.lookup_tag):
        assert to_text(secret) not in written
        assert secret.hex() not in written
        assert repr(secret)[2:-1] not in written
    for word in ("canary", ana.session, ana.name, "127.0.0.1", "/api/"):
        assert word not in written, word
    events = [json.loads(line) for line in written.splitlines()]
    assert all(re.fullmatch(r"[a-z_]+", one["event"]) for one in events)
    assert not any("dropped" in one for one in events)
