"""Whatever breaks in a handler, however it breaks: at DEBUG nothing of the request is logged."""

import dataclasses
import json
import logging
import re
import sys
import threading
import warnings

import aiohttp
import pytest
from aiohttp import web

from intake_server.desk import __main__ as desk_main
from intake_server.desk import routes as desk_routes
from intake_server.logs import KEYS, open_log, tame_interpreter
from intake_server.pages import load_static
from intake_server.web import __main__ as web_main
from intake_server.web import api
from intake_server.web import routes as web_routes
from tests.intake_server.desk.place import Place

CANARY = "canary4711"
SENDER = "203.0.113.77"
OWN = {"event", "level", "process", "time", "dropped"}
HEADERS = {
    "User-Agent": f"{CANARY}-agent",
    "X-Forwarded-For": SENDER,
    "Forwarded": f"for={SENDER}",
    "Cookie": f"{CANARY}=cookie",
    "Accept-Language": f"{CANARY}-language",
    "Havenline-Session": f"{CANARY}-session",
}


def failures(text: str) -> list[Exception]:
    """Ways to fail, all of which say what was being worked on."""
    undecodable = UnicodeDecodeError("utf-8", text.encode(), 0, 1, text)
    return [
        RuntimeError(text),
        KeyError(text),
        OSError(5, text, f"/home/{text}"),
        undecodable,
        ExceptionGroup(text, [ValueError(text), RuntimeError(text)]),
        LookupError(text, {"text": text}),
    ]


async def breaking(request: web.BaseRequest, _member: object = None) -> web.StreamResponse:
    """A handler that knows the whole request and fails in the way that the request asks for."""
    body = await request.read()
    text = f"{body.decode()} {request.path_qs} {request.remote} {dict(request.headers)}"
    error = failures(text)[int(request.query["way"])]
    raise error from ValueError(text)


async def breaking_late(request: web.BaseRequest, _member: object = None) -> web.StreamResponse:
    """The same when half of the answer has gone out."""
    answer = web.StreamResponse()
    await answer.prepare(request)
    await answer.write(b"half")
    return await breaking(request)


class Steps:
    """Which step all handlers take; set by each test."""

    step = staticmethod(breaking)


class BreakingWeb(web_routes.Routes):
    """The client pages, each of whose handlers fails."""

    def __init__(self, *parts, **named):
        super().__init__(*parts, **named)
        self.table = {
            asked: dataclasses.replace(route, step=_step) for asked, route in self.table.items()
        }


class BreakingDesk(desk_routes.Routes):
    """The desk, each of whose handlers fails, for whoever asks."""

    def __init__(self, *parts, **named):
        super().__init__(*parts, **named)
        self.table = {
            asked: dataclasses.replace(route, step=_step, need=desk_routes.Need.NOTHING)
            for asked, route in self.table.items()
        }


async def _step(request, member=None):
    return await Steps.step(request, member)


@pytest.fixture
async def place(short_dir, monkeypatch):
    """Both processes, with the log that a process has, at DEBUG."""
    monkeypatch.setattr(web_main, "Routes", BreakingWeb)
    monkeypatch.setattr(desk_main, "Routes", BreakingDesk)
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    root, factory = logging.getLogger(), logging.getLogRecordFactory()
    before = root.handlers, root.level, logging.raiseExceptions, logging.lastResort
    known = {
        name: (each.handlers, each.propagate, each.disabled)
        for name, each in root.manager.loggerDict.items()
        if isinstance(each, logging.Logger)
    }
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        made = Place(short_dir, http)
        with warnings.catch_warnings():
            tame_interpreter(open_log("test", level="debug", clock=made.clock, stream=made.lines))
            try:
                await made.open()
                yield made
            finally:
                await made.close()
                logging.captureWarnings(capture=False)
                logging.setLogRecordFactory(factory)
                root.handlers, root.level, logging.raiseExceptions, logging.lastResort = before
                for name, (handlers, propagate, disabled) in known.items():
                    logger = logging.getLogger(name)
                    logger.handlers, logger.propagate = handlers, propagate
                    logger.disabled = disabled
                sys.excepthook, threading.excepthook, sys.unraisablehook = hooks


async def asked(place, page: str, method: str, path: str, way: int) -> tuple[int, bytes]:
    kind = "application/x-www-form-urlencoded" if path == "/" else "application/json"
    body = f'{{"text": "{CANARY}-text"}}'.encode() if method == "POST" else None
    address = f"{page}{path}?way={way}&q={CANARY}-query"
    try:
        async with place.http.request(
            method, address, data=body, headers=HEADERS | {"Content-Type": kind}
        ) as answer:
            return answer.status, await answer.read()
    except aiohttp.ClientError:
        return 0, b""


def examined(place) -> list[dict]:
    """The log's lines; fails where one says more than it may."""
    text = place.lines.getvalue()
    assert CANARY not in text
    assert not re.search(r"\b\d{1,3}(\.\d{1,3}){3}\b", text)
    assert "/api/" not in text
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        assert set(line) <= OWN | set(KEYS), line
    return lines


@pytest.mark.proof
async def test_no_handler_of_web_or_desk_says_what_it_worked_on(place):
    Steps.step = staticmethod(breaking)
    tables = [
        (place.web, _paths()),
        (place.desk, sorted(place.served.routes.table)),
    ]
    ways = len(failures(""))
    expected = 0
    for page, table in tables:
        assert len(table) > 5
        for number, (method, path) in enumerate(table):
            # Each way at the first route, one way, in turn, at the others.
            for way in range(ways) if number == 0 else [number % ways]:
                status, answer = await asked(place, page, method, path, way)
                assert CANARY.encode() not in answer, path
                assert SENDER.encode() not in answer, path
                assert status >= 400, path
                expected += 1
    lines = examined(place)
    failed = [line for line in lines if line["event"] == "request_failed"]
    # Failures of the network kind are answered without a line; nothing else is passed over.
    assert 0 < len(failed) <= expected
    assert {line["route"] for line in failed} >= {"start", "form", "api", "static", "page"}
    for line in failed:
        assert line["level"] == "error"
        assert CANARY not in json.dumps(line["where"])


def _paths() -> list[tuple[str, str]]:
    """The client page's table, as its process would make it."""
    static = load_static(web_main._HERE / "static")
    return (
        [("GET", "/"), ("POST", "/")]
        + [("POST", path) for path in api.STEPS]
        + [("GET", path) for path in static]
    )


@pytest.mark.proof
async def test_one_that_fails_when_half_of_its_answer_is_out_says_no_more(place):
    Steps.step = staticmethod(breaking_late)
    for page, method, path in (
        (place.web, "GET", "/"),
        (place.web, "POST", "/"),
        (place.desk, "GET", "/"),
        (place.desk, "POST", "/api/events"),
    ):
        _, answer = await asked(place, page, method, path, 0)
        assert CANARY.encode() not in answer
    assert [line for line in examined(place) if line["event"] == "request_failed"]
