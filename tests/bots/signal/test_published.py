"""Adapter and stand-in, each held to what signal-cli-rest-api publishes, call by call."""

import inspect
import json

import aiohttp
import pytest
from aiohttp import web

from bots.attachments import Outgoing
from bots.signal.api import Api, ApiDown, ApiLimited, ApiRefused, ApiSilent
from tests.bots.signal.published import (
    BYTES,
    ENDPOINTS,
    EVENT,
    NOTHING,
    STREAM,
    departures,
    of_answer,
    of_request,
    sample,
)
from tests.bots.signal.stand_in import ACCOUNT, CODE, StandIn

CAPTCHA = "signalcaptcha://solved"
FILE = "a file.jpg"
CALLS = {
    "listen": "GET /v1/receive/{number}",
    "send": "POST /v2/send",
    "send_file": "POST /v2/send",
    "remote_delete": "DELETE /v1/remote-delete/{number}",
    "set_timer": "PUT /v1/contacts/{number}",
    "attachments": "GET /v1/attachments",
    "attachment": "GET /v1/attachments/{attachment}",
    "delete_attachment": "DELETE /v1/attachments/{attachment}",
    "identities": "GET /v1/identities/{number}",
    "trust": "PUT /v1/identities/{number}/trust/{numberToTrust}",
    "is_registered": "GET /v1/accounts",
    "register": "POST /v1/register/{number}",
    "verify": "POST /v1/register/{number}/verify/{token}",
    "set_lock": "POST /v1/accounts/{number}/pin",
    "link": "GET /v1/qrcodelink/raw",
    "set_name": "PUT /v1/profiles/{number}",
    "hide_number": "PUT /v1/accounts/{number}/settings",
    "claim_username": "POST /v1/accounts/{number}/username",
    "answer_challenge": "POST /v1/accounts/{number}/rate-limit-challenge",
}
"""What each call of the adapter is in the table."""


async def call(api: Api, name: str, person: str) -> object:
    """One call of the adapter, with arguments that a hotline has."""
    picture = Outgoing("jpeg", "image/jpeg", b"a picture")
    arguments: dict[str, tuple] = {
        "send": (person, "hello"),
        "send_file": (person, picture),
        "remote_delete": (person, 1_790_000_000_000),
        "set_timer": (person, 86_400),
        "attachment": (FILE, 1000),
        "delete_attachment": (FILE,),
        "trust": (person,),
        "register": (CAPTCHA,),
        "verify": (CODE, "1234"),
        "set_lock": ("1234",),
        "link": ("hotline",),
        "set_name": ("Info",),
        "claim_username": ("hotline",),
        "answer_challenge": ("token-1", CAPTCHA),
    }
    more = {"by_voice": False} if name == "register" else {}
    return await getattr(api, name)(*arguments.get(name, ()), **more)


def test_every_call_of_the_adapter_stands_in_the_table():
    """A new one is refused here until it is compared, too."""
    calls = {
        name
        for name, member in inspect.getmembers(Api, inspect.iscoroutinefunction)
        if not name.startswith("_")
    }
    assert calls - {"open", "close"} == CALLS.keys()
    assert set(CALLS.values()) == ENDPOINTS.keys()


async def test_what_the_adapter_asks_and_the_stand_in_answers_is_described():
    server = StandIn()
    person = server.somebody().uuid
    server.attachments[FILE] = b"a picture"
    await server.start()
    api = Api(server.url, ACCOUNT)
    await api.open()
    for name, endpoint in CALLS.items():
        server.compared.called.clear()
        found = await call(api, name, person)
        assert server.compared.called == {endpoint}
        if isinstance(found, aiohttp.ClientWebSocketResponse):
            await found.close()
    await api.verify(CODE, "")
    await api.close()
    assert server.compared.departures == []
    await server.stop()


@pytest.mark.parametrize("kind", ["limited", "error:no", "failure:NETWORK_FAILURE", "good"])
@pytest.mark.parametrize("shape", ["list", "dict"])
async def test_each_way_in_which_sending_ends_is_described(bench, kind, shape):
    """The stand-in compares what it answers; so in every other test of the channel."""
    person = await bench.person()
    bench.server.behaviour.send, bench.server.behaviour.shape = kind, shape
    api = Api(bench.server.url, ACCOUNT)
    await api.open()
    try:
        await api.send(person.somebody.uuid, "hello")
    except (ApiLimited, ApiRefused):
        assert kind in {"limited", "error:no"}
    await api.close()


ANSWERS = [
    (name, CALLS[name], status, shape)
    for name in CALLS
    for status, shape in ENDPOINTS[CALLS[name]].all_answers()
    if shape is not STREAM
]


@pytest.mark.parametrize(
    ("name", "endpoint", "status", "shape"), ANSWERS, ids=[f"{a[0]} {a[2]}" for a in ANSWERS]
)
async def test_the_adapter_understands_each_answer_of_the_table(name, endpoint, status, shape):
    """A server that is made of the table and of nothing else: the stand-in has no part in it."""

    async def answer(_request):
        if shape in (NOTHING, BYTES):
            return web.Response(status=status, body=b"" if shape is NOTHING else b"bytes")
        return web.json_response(filled(shape), status=status)

    method, path = endpoint.split(" ")
    app = web.Application()
    app.router.add_route(method, path, answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    api = Api(f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}", ACCOUNT)
    await api.open()
    try:
        await outcome(api, name, status)
    finally:
        await api.close()
        await runner.cleanup()


async def outcome(api: Api, name: str, status: int) -> None:
    """Good answers are good, and each refusal is told as what it is."""
    if name == "listen":
        with pytest.raises(ApiDown):
            await api.listen()
    elif (name, status) == ("claim_username", 204):
        with pytest.raises(ApiRefused):  # the name is there, and no link that would invite
            await call(api, name, "somebody")
    elif status == 429:
        with pytest.raises(ApiLimited) as limited:
            await call(api, name, "somebody")
        assert limited.value.tokens == ("a word",)
    elif status == 500:
        with pytest.raises(ApiSilent):
            await call(api, name, "somebody")
    elif status >= 400:
        with pytest.raises(ApiRefused) as refused:
            await call(api, name, "somebody")
        assert (refused.value.status, refused.value.why) == (status, "a word")
    else:
        await call(api, name, "somebody")


def filled(shape):
    """A sample in which every text says something, optional ones of an error too."""
    if shape is str:
        return "a word"
    if isinstance(shape, list):
        return [filled(shape[0])]
    if isinstance(shape, tuple):
        return filled(shape[0])
    if isinstance(shape, dict):
        return {name.removesuffix("?"): filled(inner) for name, inner in shape.items()}
    return sample(shape)


def test_that_the_comparison_can_fail():
    send = ENDPOINTS["POST /v2/send"]
    good = {"number": ACCOUNT, "recipients": ["x"], "message": "hello"}
    assert of_request(send, {}, json.dumps(good).encode()) == []
    for wrong, found in (
        ({"message": None}, "it.message is NoneType, not str"),
        ({"recipients": "x"}, "it.recipients is str, not a list"),
        ({"recipients": [3]}, "it.recipients[] is int, not str"),
        ({"notify_self": 1}, "it.notify_self is int, not bool"),
        ({"edit_timestamp": True}, "it.edit_timestamp is bool, not int"),
        ({"messages": "hello"}, "it.messages is not described"),
    ):
        assert of_request(send, {}, json.dumps(good | wrong).encode()) == [found]
    del good["number"]
    assert of_request(send, {}, json.dumps(good).encode()) == ["it.number is missing"]
    assert of_request(send, {"x": "y"}, b"not JSON") == [
        "x in the address is not described",
        "it is not JSON",
    ]
    assert of_request(ENDPOINTS["GET /v1/accounts"], {}, b"{}") == ["there is a body"]
    link = ENDPOINTS["GET /v1/qrcodelink/raw"]
    assert of_request(link, {}, b"") == ["device_name is not in the address"]


@pytest.mark.parametrize(
    ("status", "kind", "raw", "found"),
    [
        (201, "application/json", b'{"timestamp": "1"}', []),
        (201, "application/json", b'[{"timestamp": "1"}]', []),
        (201, "application/json", b'{"timestamp": 1}', ["it.timestamp is int, not str"]),
        (201, "application/json", b"no", ["it is not JSON"]),
        (400, "application/json", b'{"error": "no"}', []),
        (400, "text/html", b"<html>", ["it is text/html, not JSON"]),
        (429, "application/json", b'{"error": "no"}', ["it.account is missing"]),
        (418, "application/json", b"{}", ["status 418 is not described"]),
    ],
)
def test_that_the_comparison_of_answers_can_fail(status, kind, raw, found):
    assert of_answer(ENDPOINTS["POST /v2/send"], status, kind, raw) == found


async def test_a_stand_in_that_departs_fails_its_test():
    server = StandIn()
    server.accounts = [ACCOUNT, 3]
    await server.start()
    async with aiohttp.ClientSession() as http:
        await (await http.get(f"{server.url}/v1/accounts")).read()
        await (await http.get(f"{server.url}/v1/groups/{ACCOUNT}")).read()
    with pytest.raises(AssertionError):
        await server.stop()
    assert server.compared.departures == [
        "GET /v1/accounts, answered 200: it[] is int, not str",
        f"GET /v1/groups/{ACCOUNT}: it is not in the table",
    ]


def test_an_event_that_departs_is_found():
    server = StandIn()
    event = server.say(server.somebody(), "hello")
    assert server.compared.departures == []
    del event["envelope"]["timestamp"]
    event["envelope"]["sourceDevice"] = "1"
    assert departures(EVENT, event) == [
        "it.envelope.timestamp is missing",
        "it.envelope.sourceDevice is str, not int",
    ]
    server.say(server.somebody(), "hello", sticker={"packId": "abc"})
    assert server.compared.departures == [
        "an event: it.envelope.dataMessage.sticker.stickerId is missing"
    ]
