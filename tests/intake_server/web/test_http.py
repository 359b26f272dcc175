"""What goes over the wire: headers on everything, nothing that is not asked for, calm errors."""

import asyncio
import gzip
import io
import json
import re

import pytest

from intake_server.pages import HEADERS
from intake_server.web import api
from intake_server.web.form_fields import Fields
from intake_server.web.routes import LONGEST_BODY, PLACES
from vault.messages import SIZES

NEVER = {"set-cookie", "server", "etag", "last-modified", "access-control-allow-origin"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}


def check_headers(headers):
    for name, value in HEADERS.items():
        expected = {value} | ({"noarchive"} if name == "X-Robots-Tag" else set())
        assert headers[name] in expected, name
    assert {name.lower() for name in headers} & NEVER == set()


def routes():
    """Every route, with a body that it understands and one that it does not."""
    static = ["/static/client.css", "/static/icon.png"]
    asked = [("GET", "/", b"", {}), *(("GET", path, b"", {}) for path in static)]
    steps = ("", "send", "open", "look", "answer", "due", "erase", "new", "split", "nonsense")
    asked += [("POST", "/", f"do={do}&text=x".encode(), FORM) for do in steps]
    for path in api.STEPS:
        asked += [("POST", path, b"{}", JSON), ("POST", path, b"\xff", JSON)]
    return asked


async def test_headers_stand_on_every_route_and_error(hotline, session):
    asked = routes()
    asked += [
        ("HEAD", "/", b"", {}),
        ("OPTIONS", "/", b"", {}),
        ("DELETE", "/api/erase", b"", {}),
        ("TRACE", "/", b"", {}),
        ("GET", "/nothing", b"", {}),
        ("GET", "/static/../work.py", b"", {}),
        ("GET", "/api/open", b"", {}),
        ("POST", "/", b"x", {"Content-Type": "multipart/form-data; boundary=x"}),
        ("POST", "/api/keys", b"{}", FORM),
        ("POST", "/", b"a=" + b"x" * 2_000_000, FORM),
        ("POST", "/api/keys", b"x" * 200_000, JSON),
        ("POST", "/", b"do=send", {**FORM, "Sec-Fetch-Site": "cross-site"}),
    ]
    for method, path, body, headers in asked:
        async with session.request(
            method,
            hotline.url + path,
            data=io.BytesIO(body) if body else None,
            headers=headers,
        ) as response:
            check_headers(response.headers)
            await response.read()


async def test_headers_stand_on_what_is_no_http(hotline):
    for data in (b"\x16\x03\x01\x00\x05hello\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"X" * 9000):
        answer = await hotline.raw(data + b"\r\n\r\n")
        head, _, body = answer.partition(b"\r\n\r\n")
        lines = head.decode().splitlines()
        assert lines[0].split()[1] == "400"
        check_headers(dict(line.split(": ", 1) for line in lines[1:]))
        assert b"There is nothing at this address." in body


async def test_the_policy_forbids_everything_but_the_pages_own():
    policy = HEADERS["Content-Security-Policy"].split("; ")
    assert policy[0] == "default-src 'none'"
    assert "unsafe" not in HEADERS["Content-Security-Policy"]
    assert {"frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} <= set(policy)
    assert HEADERS["Cache-Control"] == "no-store"


async def test_methods_that_are_not_in_the_table_are_denied(hotline, session):
    for method in ("HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE"):
        async with session.request(method, hotline.url + "/") as response:
            assert response.status == 405
    for path in ("/admin", "/static/", "/static/page.html", "/strings/en.json", "//"):
        async with session.get(hotline.url + path) as response:
            assert response.status == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "null"}, 200),
        ({"Origin": "OWN"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://front.example"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "https://elsewhere.example"}, 403),
    ],
)
async def test_only_what_clearly_comes_from_another_site_is_refused(
    browser, hotline, headers, status
):
    given = {name: hotline.url if value == "OWN" else value for name, value in headers.items()}
    screen = await browser.visit()
    form = {**screen.forms["write-form"].fields, "do": "send", "text": "Hello"}
    await browser.post(form, **given)
    assert browser.response.status == status
    assert len(await hotline.all_messages()) == (1 if status == 200 else 0)


async def test_another_site_cannot_use_the_api(hotline, session):
    headers = {**JSON, "Sec-Fetch-Site": "cross-site"}
    async with session.post(hotline.url + "/api/nonce", data="{}", headers=headers) as response:
        assert response.status == 400
        assert "nonce" not in await response.json()


async def test_nothing_of_a_request_reaches_the_log(hotline, browser, session):
    await browser.write("canary-text", name="canary-name")
    async with session.get(hotline.url + "/canary-path?canary=query") as response:
        await response.read()
    await hotline.raw(b"canary-line\r\n\r\n")
    async with session.post(
        hotline.url + "/api/open", data=b'{"tag": "canary-tag"}', headers=JSON
    ) as response:
        assert response.status == 400
    logged = hotline.lines.getvalue()
    assert "canary" not in logged
    assert "127.0.0.1" not in logged


async def test_a_failure_nobody_foresaw_gives_the_text_back(hotline, browser):
    await browser.visit()
    fields = browser.screen.forms["write-form"].fields
    hotline.work.database.read = None  # as a mistake in the code would
    await browser.write("First")
    screen = await browser.submit("kept-form", "look")
    assert screen.state == "trouble"
    assert "form_failed" in hotline.lines.getvalue()
    assert "First" not in hotline.lines.getvalue()
    assert fields["token"] not in hotline.lines.getvalue()


async def test_a_browser_that_sends_half_a_form_ends_nothing(hotline, browser):
    _, writer = await asyncio.open_connection("127.0.0.1", hotline.port)
    writer.write(
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\ndo=send&text=half"
    )
    await writer.drain()
    writer.close()
    assert (await browser.write("whole")).state == "phrase"
    assert len(await hotline.all_messages()) == 1


def head(path, kind, length):
    return (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


async def test_slow_senders_of_long_bodies_hold_up_nobody_else(hotline, browser, session):
    slow = []
    for _ in range(PLACES):
        _, writer = await asyncio.open_connection("127.0.0.1", hotline.port)
        writer.write(head("/", FORM["Content-Type"], 100_000) + b"do=send&text=")
        await writer.drain()
        slow.append(writer)
    assert (await browser.write("short")).state == "phrase"
    await browser.visit()
    screen = await browser.submit("write-form", "send", text="long " * 5_000)
    assert screen.state == "trouble"
    assert browser.response.status == 503
    async with session.post(
        hotline.url + "/api/keys", data=b" " * 100_000 + b"{}", headers=JSON
    ) as response:
        assert await response.json() == {"error": "unavailable"}
    for writer in slow:
        writer.close()
        await writer.wait_closed()
    await browser.visit()
    screen = await browser.submit("write-form", "send", text="long " * 5_000)
    assert "letters too long" in screen.texts["write-problem"]


async def test_a_body_that_is_longer_than_any_form_is_refused(hotline, browser, session):
    await browser.visit()
    form = {**browser.screen.forms["write-form"].fields, "do": "send"}
    await browser.post({**form, "text": "x" * LONGEST_BODY})
    assert browser.response.status == 413
    for coded in (False, True):
        body = b" " * LONGEST_BODY + b"{}"
        async with session.post(
            hotline.url + "/api/keys", data=io.BytesIO(body) if coded else body, headers=JSON
        ) as response:
            assert await response.json() == {"error": "too_long"}
    assert await hotline.all_messages() == {}


# --- weight and words -------------------------------------------------------------------------


async def test_the_first_page_is_light(hotline, session):
    async with session.get(
        hotline.url + "/", headers={"Accept-Encoding": "gzip"}, auto_decompress=False
    ) as response:
        packed = await response.read()
    assert response.headers["Content-Encoding"] == "gzip"
    assert len(packed) <= 9 * 1024
    html = gzip.decompress(packed)
    async with session.get(hotline.url + "/static/client.css") as response:
        css = await response.read()
    assert len(gzip.compress(css)) <= 5 * 1024
    async with session.get(hotline.url + "/static/icon.png") as response:
        icon = await response.read()
    assert len(icon) <= 1024
    linked = set(re.findall(rb'(?:src|href)="(/[^"]+)"', html))
    assert linked <= {b"/static/icon.png", b"/static/client.css", b"/static/built/client.js"}
    assert len(linked) <= 3


async def test_a_browser_that_takes_no_gzip_gets_none(hotline, session):
    for coding in ("identity", "gzip;q=0", "br"):
        async with session.get(
            hotline.url + "/", headers={"Accept-Encoding": coding}, auto_decompress=False
        ) as response:
            assert "Content-Encoding" not in response.headers
            assert (await response.read()).startswith(b"<!doctype html>")


async def test_at_most_sixty_words_stand_before_the_text_field(browser):
    screen = await browser.visit()
    before = screen.words.split(screen.texts["text-hint"])[0]
    # A trial is for nobody but who tries it out; its sentence is not on the page for people.
    before = before.replace(screen.texts["trial"], "")
    label = "What is happening?"
    # "Back" replaces "Write" when the field is opened; both are counted.
    shown = f"Leave {before} {label}".split()
    assert len([word for word in shown if any(letter.isalpha() for letter in word)]) <= 60
    assert "Write to us here" in before


async def test_nothing_telling_stands_on_the_first_page(browser):
    screen = await browser.visit()
    for word in ("victim", "hotline", "trafficking", "police", "havenline"):
        assert word not in screen.html.lower().replace("haven example", "")


async def test_the_page_says_what_a_browser_without_code_cannot_do(browser):
    screen = await browser.visit()
    assert "This browser cannot lock your text." in screen.texts["form-note"]
    assert "Close the tab afterwards." in screen.texts["form-note"]
    assert "Locked on this phone." in screen.texts["seal-note"]
    await browser.write("Hello")
    screen = await browser.submit("kept-form", "look")
    assert "This browser cannot check who signed the answers." in screen.words


async def test_leaving_needs_no_server(browser):
    for step in ("visit", "write"):
        screen = await (browser.visit() if step == "visit" else browser.write("x"))
        links = re.findall(
            r'<a id="leave(?:-first)?" href="([^"]+)" rel="noreferrer">', screen.html
        )
        assert links == ["https://www.wikipedia.org/"] * 2


async def test_ids_are_unique_and_all_there(browser):
    screen = await browser.visit()
    assert len(screen.ids) == len(set(screen.ids))
    expected = """
        leave-first leave main opening forgetting questions write write-form write-problem text
        text-hint danger name send seal-note form-note back back-form back-problem phrase-text
        kept-block kept open new no-phrase phrase phrase-title phrase-notice phrase-wait
        phrase-words digits phrase-digits kept-form have-kept keep-safely check check-form
        check-text check-answer conversation close due change due-form due-date due-label
        due-problem new-answer older older-label older-rows rows answer-form answer-problem answer
        answer-danger answer-send look keeping keeping-text erase erase-form erase-problem
        erase-all keep-it receipt receipt-title receipt-time trouble trouble-title trouble-text
        try-again cover continue cover-warning row config
    """.split()  # noqa: SIM905  # read as the template's comment is
    assert set(expected) <= set(screen.ids)


async def test_the_configuration_holds_what_the_code_needs(browser):
    screen = await browser.visit()
    config = json.loads(screen.texts["config"])
    assert config["open"] is True
    assert len(config["roster"]) == 1
    assert api.decode(config["roster"][0]) != b""
    assert len(api.decode(config["start_key"])) == 32
    assert config["screening"] is None
    assert config["promise"] == {
        "inactivity_hours": 336,
        "absolute_hours": 1440,
        "closed_hours": 168,
    }
    assert config["strings"]["c18.sending"] == "Sending…"


async def test_fields_that_are_too_many_or_unknown(browser):
    screen = await browser.post("&".join(f"a{n}=1" for n in range(50)).encode())
    assert screen.state == "elsewhere"
    assert Fields.of(b"do=x&hacked=1&do=y").do == "y"


def test_sizes_of_envelopes_are_those_of_the_specification():
    assert sorted(SIZES) == [563, 1075, 2099, 4147, 8243, 16435]
