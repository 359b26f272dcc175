"""A stand-in for signal-cli-rest-api in json-rpc mode, over real sockets, with its failures.

It follows the API's published description and, where that is silent, what the server's code does:

*   An event goes to every websocket that is attached at that moment, and is dropped where none is.
*   Then it is posted to the webhook. The one receive loop waits for that answer without limit, and
    so does everything behind it; a refused connection or another status than 200 and 201 is
    logged, and the event is lost for the webhook.
*   Nothing is kept: what signal-cli has taken from Signal, Signal does not give again. While
    server and signal-cli are down, Signal keeps the messages.

Each request and each answer is compared with what is described (`published.py`); what does not fit
stands in `compared.departures` and fails the test at `stop`.
"""

import asyncio
import base64
import itertools
import json
import re
import time
from collections import defaultdict
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from tests.bots.signal import published
from tests.bots.signal.compared import Compared, Elsewhere

ACCOUNT = "+15550001"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
INVITE = "https://signal.me/#eu/abc"
CODE = "123456"  # what Signal tells in its text or call


@dataclass
class Behaviour:
    """How the server answers; tests change it while it runs."""

    shape: str = "list"  # of what send answers: list (new) or dict (old)
    send: str = "good"  # good, limited, silent, broken_off, half_way, html, error:…, failure:…
    limited_identities: bool = False
    copies: int = 1  # of each event on the websocket
    drop_websocket: bool = False  # its writer is busy: the event is lost for it
    end_websocket_after: int | None = None  # events
    waits_for_webhook: bool = False  # a socket held open by a supervisor: the event waits in it
    attachment: str = "good"  # what fetching one gives: good, failing, cut_off, slow
    wrapped: bool = False  # the daemon wraps what it delivers once more


@dataclass
class Somebody:
    uuid: str
    number: str | None = None
    heard: asyncio.Queue = field(default_factory=asyncio.Queue)
    deleted: list[int] = field(default_factory=list)
    timer: int | None = None


class StandIn:
    def __init__(self) -> None:
        self.behaviour = Behaviour()
        self.people: dict[str, Somebody] = {}
        self.identities: dict[str, str] = {}
        self.attachments: dict[str, bytes] = {}
        self.webhook: str | None = None
        self.compared = Compared()
        self.bodies: defaultdict[str, list] = defaultdict(list)  # by path
        self.lost_for_webhook = 0
        self.accounts = [ACCOUNT]
        self.captchas: list[tuple[str, str]] = []
        self.port: int | None = None
        self._sockets: set[web.WebSocketResponse] = set()
        self._signal: asyncio.Queue = asyncio.Queue()
        self._runner: web.AppRunner | None = None
        self._loop: asyncio.Task | None = None
        self._stamps = itertools.count(int(time.time() * 1000))
        self._numbers = itertools.count(1)
        self._events = 0
        self.canary = self.somebody("+4915550002222")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        app = web.Application(client_max_size=2**25, middlewares=[self.compared.middleware])
        number = "{number}"
        app.add_routes(
            [
                web.get("/v1/accounts", self._accounts),
                web.get(f"/v1/receive/{number}", self._receive),
                web.post("/v2/send", self._send),
                web.delete(f"/v1/remote-delete/{number}", self._remote_delete),
                web.put(f"/v1/contacts/{number}", self._contact),
                web.get(f"/v1/identities/{number}", self._identities),
                web.put(f"/v1/identities/{number}/trust/{{numberToTrust}}", self._trust),
                web.get("/v1/attachments", self._list_attachments),
                web.get("/v1/attachments/{attachment}", self._attachment),
                web.delete("/v1/attachments/{attachment}", self._delete_attachment),
                web.post(f"/v1/accounts/{number}/username", self._username),
                web.put(f"/v1/accounts/{number}/settings", self._settings),
                web.post(f"/v1/accounts/{number}/rate-limit-challenge", self._challenge),
                web.post(f"/v1/register/{number}", self._register),
                web.post(f"/v1/register/{number}/verify/{{token}}", self._verify),
                web.post(f"/v1/accounts/{number}/pin", self._pin),
                web.put(f"/v1/profiles/{number}", self._profile),
                web.get("/v1/qrcodelink/raw", self._link),
            ]
        )
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port or 0, reuse_address=True)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]
        self._loop = asyncio.create_task(self._deliver())

    async def stop(self) -> None:
        if self._runner is None:
            return
        self._loop.cancel()
        await asyncio.gather(self._loop, return_exceptions=True)
        for stream in list(self._sockets):
            await stream.close(code=1001)
        await self._runner.cleanup()
        self._runner = None
        assert self.compared.departures == []

    async def drop_readers(self) -> None:
        """Cut every websocket without a word."""
        for stream in list(self._sockets):
            stream._req.transport.abort()
        self._sockets.clear()

    @property
    def readers(self) -> int:
        return len(self._sockets)

    # --- people ---------------------------------------------------------------------------

    def somebody(self, number: str | None = None) -> Somebody:
        place = next(self._numbers)
        person = Somebody(f"8f6d1a8e-0000-4000-8000-{place:012x}", number)
        self.people[person.uuid] = person
        self.identities[person.uuid] = "TRUSTED_UNVERIFIED"
        return person

    def envelope(self, person: Somebody, device: int = 1, stamp: int | None = None) -> dict:
        at = next(self._stamps) if stamp is None else stamp
        return {
            "source": person.number or person.uuid,
            "sourceNumber": person.number,
            "sourceUuid": person.uuid,
            "sourceName": "a profile's name",
            "sourceDevice": device,
            "timestamp": at,
            "serverReceivedTimestamp": at + 1,
            "serverDeliveredTimestamp": at + 2,
        }

    def say(self, person: Somebody, text: str | None, **parts: object) -> dict:
        """A message on its way through Signal; returns its event."""
        envelope = self.envelope(
            person, **{k: parts.pop(k) for k in ("stamp", "device") & parts.keys()}
        )
        message = {
            "timestamp": envelope["timestamp"],
            "message": text,
            "expiresInSeconds": 0,
            "viewOnce": False,
        }
        envelope["dataMessage"] = message | parts
        for attachment in parts.get("attachments", []):
            self.attachments[attachment["id"]] = attachment.pop("content", b"")
        event = {"envelope": envelope, "account": ACCOUNT}
        self.compared.note("an event", published.departures(published.EVENT, event))
        self._signal.put_nowait(event)
        return event

    def send_event(self, event: dict) -> None:
        self._signal.put_nowait(event)

    def pending(self) -> int:
        return self._signal.qsize()

    async def _deliver(self) -> None:
        """The server's one receive loop."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as http:
            while True:
                event = await self._signal.get()
                if not self.behaviour.drop_websocket:
                    await self._broadcast(event)
                if self.webhook is None:
                    continue
                params = {"subscription": 0, "result": event} if self.behaviour.wrapped else event
                line = {"jsonrpc": "2.0", "method": "receive", "params": params}
                while not await self._post(http, line) and self.behaviour.waits_for_webhook:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.05)

    async def _post(self, http: aiohttp.ClientSession, line: dict) -> bool:
        try:
            async with http.post(self.webhook, json=line) as answer:
                taken = answer.status in {200, 201}
        except aiohttp.ClientError:
            taken = False
        self.lost_for_webhook += not taken
        return taken

    async def _broadcast(self, event: dict) -> None:
        for stream in list(self._sockets):
            try:
                for _ in range(self.behaviour.copies):
                    await stream.send_str(json.dumps(event))
            except (ConnectionError, RuntimeError):
                self._sockets.discard(stream)
        self._events += 1
        if self._events == self.behaviour.end_websocket_after:
            await self.drop_readers()

    # --- the API --------------------------------------------------------------------------

    async def _accounts(self, _request) -> web.Response:
        return web.json_response(self.accounts)

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        self._account_of(request)
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return refused("websocket: the client is not using the websocket protocol: no upgrade")
        stream = web.WebSocketResponse(heartbeat=54, max_msg_size=512)
        await stream.prepare(request)
        self._sockets.add(stream)
        try:
            async for _ in stream:
                pass
        finally:
            self._sockets.discard(stream)
        return stream

    async def _send(self, request: web.Request) -> web.StreamResponse:
        wanted = await self._body(request)
        return self._not_sent(wanted) or await self._sent(request, wanted)

    def _not_sent(self, wanted: dict) -> web.Response | None:
        """Why nothing is sent at all."""
        kind = self.behaviour.send
        html = {"text": "<html>a proxy</html>", "content_type": "text/html"}  # before the server
        untrusted = any(self.identities.get(who) == "UNTRUSTED" for who in wanted["recipients"])
        error = {"error": "Failed to send message due to rate limiting", "account": ACCOUNT}
        limited = web.json_response(error | {"challenge_tokens": ["token-1"]}, status=429)
        refusals = {
            "limited": limited,
            "busy": Elsewhere(status=503, **html),
            "html": Elsewhere(status=400, **html),
            "error": refused(kind.partition(":")[2]),
        }
        if wanted["number"] not in self.accounts:
            return refused("Specified account does not exist")
        if not wanted["recipients"]:
            return refused("Couldn't process request - please provide at least one recipient")
        if kind.partition(":")[0] in refusals:
            return refusals[kind.partition(":")[0]]
        if untrusted:
            return refused("Failed to send message due to untrusted identities")
        return None

    async def _sent(self, request: web.Request, wanted: dict) -> web.StreamResponse:
        """It goes to Signal; what the caller hears of that is another matter."""
        kind, recipient = self.behaviour.send, wanted["recipients"][0]
        stamp = next(self._stamps)
        if recipient == INVITE:  # from another account on this server
            self.say(self.canary, wanted["message"], stamp=stamp)
            return web.json_response([{"timestamp": str(stamp)}], status=201)
        failure = kind.removeprefix("failure:") if kind.startswith("failure:") else None
        if recipient not in self.people:
            failure = "UNREGISTERED_FAILURE"
        if failure is None:
            heard = _file(wanted) or wanted["message"]
            self.people[recipient].heard.put_nowait((stamp, heard))
        if kind == "silent":
            await asyncio.sleep(3600)
        if kind == "broken_off":
            request.transport.abort()
        if kind in {"half_way", "nonsense"}:
            return Elsewhere(status=502 if kind == "half_way" else 201, text="not JSON")
        answer = {"timestamp": str(stamp)}
        if failure is not None:
            answer["errors"] = {"recipients": [{"uuid": recipient, "reason": failure}]}
        shaped = [answer] if self.behaviour.shape == "list" else answer
        return web.json_response(shaped, status=201)

    async def _remote_delete(self, request: web.Request) -> web.Response:
        wanted = await self._body(request)
        person = self.people.get(wanted["recipient"])
        if person is None:
            return refused("Failed to send message")
        person.deleted.append(wanted["timestamp"])
        return web.json_response({"timestamp": str(next(self._stamps))}, status=201)

    async def _contact(self, request: web.Request) -> web.Response:
        wanted = await self._body(request)
        person = self.people.get(wanted["recipient"])
        if person is None:
            return refused("User not registered")
        if wanted.get("expiration_in_seconds"):  # a zero is dropped, as by the server
            person.timer = wanted["expiration_in_seconds"]
        return web.Response(status=204)

    async def _identities(self, request: web.Request) -> web.Response:
        self._account_of(request)
        listed = [
            {"number": "", "uuid": uuid, "status": status, "safety_number": "1"}
            | {"fingerprint": "05", "added": "0"}
            for uuid, status in self.identities.items()
        ]
        return web.json_response(listed)

    async def _trust(self, request: web.Request) -> web.Response:
        wanted = await self._body(request)
        if not wanted.get("trust_all_known_keys") and "verified_safety_number" not in wanted:
            return refused("Couldn't process request - please provide a safety number")
        self.identities[request.match_info["numberToTrust"]] = "TRUSTED_UNVERIFIED"
        return web.Response(status=204)

    async def _list_attachments(self, _request) -> web.Response:
        return web.json_response(sorted(self.attachments))

    async def _delete_attachment(self, request: web.Request) -> web.Response:
        name = request.match_info["attachment"]
        if name not in self.attachments:
            error = {"error": "No attachment with that name found"}
            return web.json_response(error, status=404)
        del self.attachments[name]
        return web.Response(status=204)

    async def _attachment(self, request: web.Request) -> web.StreamResponse:
        name, kind = request.match_info["attachment"], self.behaviour.attachment
        if "/" in name or ".." in name:
            return refused("Please provide a valid attachment name")
        if name not in self.attachments:
            error = {"error": "No attachment with that name found"}
            return web.json_response(error, status=404)
        if kind == "failing":
            return web.json_response({"error": "Couldn't read attachment"}, status=500)
        content = self.attachments[name]
        if kind == "good":  # whatever type it sniffs
            return web.Response(body=content, content_type="application/octet-stream")
        answer = web.StreamResponse(headers={"Content-Length": str(len(content))})
        await answer.prepare(request)
        await answer.write(content[: len(content) // 2])
        if kind == "slow":
            await asyncio.sleep(3600)
        request.transport.abort()
        return answer

    async def _username(self, request: web.Request) -> web.Response:
        wanted = await self._body(request)
        claimed = {"username": f"{wanted['username']}.42"}
        return web.json_response(
            claimed | {"username_link": "https://signal.me/#eu/abc"}, status=201
        )

    async def _settings(self, request: web.Request) -> web.Response:
        await self._body(request)
        return web.Response(status=204)

    async def _challenge(self, request: web.Request) -> web.Response:
        wanted = await self._body(request)
        if not wanted["captcha"].startswith("signalcaptcha://"):
            return refused("Invalid captcha given")
        self.captchas.append((wanted["challenge_token"], wanted["captcha"]))
        return web.Response(status=204)

    async def _register(self, request: web.Request) -> web.Response:
        wanted = await self._body(request)
        if not wanted.get("captcha", "").startswith("signalcaptcha://"):
            return refused("Captcha required for verification")
        return web.Response(status=201)

    async def _verify(self, request: web.Request) -> web.Response:
        await self._body(request)
        if request.match_info["token"] != CODE:
            return refused("Verify error: StatusCode: 403")
        self.accounts.append(ACCOUNT)
        return web.Response(status=201)

    async def _pin(self, request: web.Request) -> web.Response:
        await self._body(request)
        return web.Response(status=201)

    async def _profile(self, request: web.Request) -> web.Response:
        wanted = await self._body(request)
        if not wanted.get("name"):
            return refused("Couldn't process request - profile name missing")
        return web.Response(status=204)

    async def _link(self, request: web.Request) -> web.Response:
        if not request.query.get("device_name"):
            return refused("Please provide a name for the device")
        self.accounts.append(ACCOUNT)  # whoever scans it does so at once
        return web.json_response({"device_link_uri": "sgnl://linkdevice?uuid=a&pub_key=b"})

    def _account_of(self, request: web.Request) -> None:
        if request.match_info["number"] != ACCOUNT:
            error = json.dumps({"error": "Specified account does not exist"})
            raise web.HTTPBadRequest(text=error, content_type="application/json")

    async def _body(self, request: web.Request) -> dict:
        """The body, which was compared already."""
        if "number" in request.match_info:
            self._account_of(request)
        body = await request.json()
        self.bodies[request.match_info.route.resource.canonical].append(body)
        return body


def _file(wanted: dict) -> bytes | None:
    """The one file of a message, as the API takes them: "data:…;filename=…;base64,…"."""
    files = wanted.get("base64_attachments", [])
    if not files:
        return None
    (one,) = files
    assert re.match(r"data:[a-z]+/[a-z0-9]+;filename=file\.[a-z0-9]+;base64,", one)
    return base64.b64decode(one.partition(",")[2], validate=True)


def refused(error: str) -> web.Response:
    return web.json_response({"error": error}, status=400)
