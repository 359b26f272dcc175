"""The channel in memory: for tests and demonstration, never for a live hotline.

People speak to it over a Unix socket, one JSON object a line:

| line | answer |
|---|---|
| `{"as": "kim", "say": "hello", "id": "1", "attachments": ["voice"]}` | `{"acknowledged": "1"}` |
| `{"as": "kim", "say": "hello", "files": [["picture", "/9j/…"]]}` | the same |
| `{"listen": "kim"}` | `{"to": "kim", "text": …, "id": …}` for each message, past ones first |
| `{"network": "down"}`, `{"network": "up"}` | the same; while down nothing goes either way |
| `{"leave": "kim"}` | the same; from then on this address does not exist |
| `{"as": "kim", "shout": "hello"}` | the same; an unencrypted message, which is refused |

`id` and `attachments` may be missing, and `say` where there are attachments. `attachments` only
names what came, `files` brings it as base64; a line has at most 80 MB. A file for a listener comes
as `{"to": "kim", "type": "image/jpeg", "content": …, "id": …}`. `"after": "1"` says
that the message was sent after that one, which may still be on its way: it is waited for, but not
for long. A listener also
hears `{"deleted": id}`, `{"timer": seconds}` and `{"forgotten": true}`. Everything is forgotten
when the process ends.
"""

import asyncio
import base64
import contextlib
import itertools
import json
import stat
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path

from bots.attachments import AttachmentLost, Fetch, Lost, Outgoing
from bots.channel import (
    Attachment,
    ChannelHealth,
    ChannelRefused,
    ChannelUnavailable,
    Handler,
    Incoming,
    Refusal,
    RefusedBecause,
    Remains,
    Sent,
)
from bots.refusals import Refusals

FIRST_PAUSE = 0.1  # seconds before a message that could not be stored is handed over again
LONGEST_PAUSE = 5.0
PATIENCE = 1.0  # seconds that a message waits for one that was sent before it
_KEPT_PER_PERSON = 200
_LONGEST_LINE = 80 * 2**20  # bytes: five of the largest attachments as base64
_PRIVATE = stat.S_IRUSR | stat.S_IWUSR

Line = dict[str, object]


class Loopback:
    """A network of one: what is said here reaches the hotline, what it sends is heard here.

    `now` gives seconds since 1970. With `socket` people speak over that path from `start` to
    `stop`; without it only through `say` and `listen`.
    """

    name = "loopback"
    sends_once = False  # it forgets what it took when its process ends

    def __init__(
        self,
        *,
        now: Callable[[], int],
        socket: Path | None = None,
        nobody_read: str = "",
    ) -> None:
        self._now = now
        self._socket = socket
        self._nobody_read = nobody_read  # said once a day to who writes unencrypted
        self._refusals = Refusals()
        self._server: asyncio.Server | None = None
        self._visits: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}
        self._events: Handler | None = None
        self._numbers = itertools.count(1)
        self._up = asyncio.Event()
        self._up.set()
        self._gone: set[str] = set()
        self._arriving: defaultdict[str, deque[tuple[Incoming, asyncio.Future[None]]]]
        self._arriving = defaultdict(deque)
        self._came: defaultdict[str, deque[str]]  # names of what came last
        self._came = defaultdict(lambda: deque(maxlen=_KEPT_PER_PERSON))
        self._early: dict[tuple[str, str], list[tuple[Incoming, asyncio.Future[None]]]] = {}
        self._carriers: dict[str, asyncio.Task[None]] = {}
        self._mailboxes: defaultdict[str, deque[Line]]
        self._mailboxes = defaultdict(lambda: deque(maxlen=_KEPT_PER_PERSON))
        self._listeners: defaultdict[str, set[asyncio.Queue[Line]]] = defaultdict(set)
        self._taken: dict[bytes, Sent] = {}

    # --- the channel's side ---------------------------------------------------------------

    async def start(self, events: Handler) -> None:
        """Hand over what is said from now on, and what was said before."""
        self._events = events
        for address in list(self._arriving):
            self._carry(address)
        if self._socket is not None:
            self._server = await asyncio.start_unix_server(
                self._visit, self._socket, limit=_LONGEST_LINE
            )
            self._socket.chmod(_PRIVATE)

    async def invite(self) -> str | None:
        """Return nothing: who has the socket needs no invitation."""
        return None

    async def send(self, address: str, text: str, message_id: bytes) -> Sent:
        """Put `text` where listeners of `address` find it; the same id only once."""
        return self._deliver(address, {"text": text}, message_id)

    async def send_attachment(self, address: str, file: Outgoing, message_id: bytes) -> Sent:
        """Put `file` where listeners of `address` find it; the same id only once."""
        content = base64.b64encode(file.content).decode()
        return self._deliver(address, {"type": file.type, "content": content}, message_id)

    async def delete(self, address: str, transport_id: str) -> None:
        """Take a message out of the mailbox and tell listeners."""
        self._require_network()
        mailbox = self._mailboxes[address]
        for line in [line for line in mailbox if line["id"] == transport_id]:
            mailbox.remove(line)
        self._tell(address, {"deleted": transport_id})

    async def set_timer(self, address: str, seconds: int | None) -> None:
        """Tell listeners; nothing here vanishes by itself."""
        self._require_network()
        self._tell(address, {"timer": seconds})

    async def withdraw(self, address: str) -> Remains:
        """Empty the mailbox; what listeners heard stays with them."""
        self._require_network()
        self._mailboxes.pop(address, None)
        return Remains(on_server=False, in_app=True, vanishes=True)

    async def forget(self, address: str) -> None:
        """Empty the mailbox again and tell listeners."""
        self._require_network()
        self._mailboxes.pop(address, None)
        self._tell(address, {"forgotten": True})

    async def people(self) -> list[str]:
        """Return who has a mailbox."""
        self._require_network()
        return list(self._mailboxes)

    def health(self) -> ChannelHealth:
        """Say whether the network is up and how much waits for the handler."""
        return ChannelHealth(
            connected=self._up.is_set(),
            waiting=sum(map(len, [*self._arriving.values(), *self._early.values()])),
            refused=self._refusals.counts(),
            alarms=self._refusals.alarms(self._now()),
        )

    async def stop(self) -> None:
        """Close the socket and hand nothing over any more; what was not stored stays here."""
        self._events = None
        if self._server is not None:
            self._server.close()
            self._server = None
        visits = dict(self._visits)
        for writer in visits:
            writer.transport.abort()  # its task then ends by itself
        carriers = list(self._carriers.values())
        for task in carriers:
            task.cancel()
        await asyncio.gather(*carriers, *filter(None, visits.values()), return_exceptions=True)
        self._carriers.clear()
        if self._socket is not None:
            self._socket.unlink(missing_ok=True)

    # --- the people's side ----------------------------------------------------------------

    def say(
        self,
        address: str,
        text: str | None,
        *,
        attachments: tuple[Attachment, ...] = (),
        files: Sequence[tuple[Attachment, Fetch | bytes]] = (),
        transport_id: str | None = None,
        identity_changed: bool = False,
        after: str | None = None,
    ) -> asyncio.Future[None]:
        """Say something to the hotline; the answer is done when the hotline has stored it.

        `after` names what was said before it and may come later. `files` brings what
        `attachments` only names.
        """
        name = transport_id or f"in-{next(self._numbers)}"
        kinds = (*attachments, *(kind for kind, _ in files))
        fetches = (*(None for _ in attachments), *(self._fetch(one) for _, one in files))
        incoming = Incoming(
            address,
            name,
            text,
            kinds,
            self._now(),
            identity_changed,
            fetches,
        )
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if after is None or after in self._came[address]:
            self._arrived(address, incoming, stored)
        else:
            self._early.setdefault((address, after), []).append((incoming, stored))
            asyncio.get_running_loop().call_later(PATIENCE, self._release, address, after)
        return stored

    def _fetch(self, content: Fetch | bytes) -> Fetch:
        """What gets a file, as long as the network is there."""

        async def fetch(most: int) -> bytes:
            self._require_network()
            if not isinstance(content, bytes):
                return await content(most)
            if len(content) > most:
                raise AttachmentLost(Lost.TOO_LARGE)
            return content

        return fetch

    def shout(self, address: str) -> None:
        """Write to the hotline unencrypted: refused, counted, and said so once a day."""
        self._refusals.note(Refusal.NOT_ENCRYPTED, self._now())
        if self._nobody_read and self._refusals.may_tell(address, self._now()):
            line: Line = {"to": address, "text": self._nobody_read, "id": "refused"}
            self._mailboxes[address].append(line)
            self._tell(address, line)

    def listen(self, address: str) -> asyncio.Queue[Line]:
        """Return a queue of all that is sent to `address`, past and future."""
        queue: asyncio.Queue[Line] = asyncio.Queue()
        for line in self._mailboxes[address]:
            queue.put_nowait(line)
        self._listeners[address].add(queue)
        return queue

    def leave(self, address: str) -> None:
        """Make this address one that does not exist any more."""
        self._gone.add(address)

    def cut(self) -> None:
        """Take the network down."""
        self._up.clear()

    def restore(self) -> None:
        """Bring the network back; what waited goes on at once."""
        self._up.set()

    # --- inside ---------------------------------------------------------------------------

    def _require_network(self) -> None:
        if not self._up.is_set():
            raise ChannelUnavailable

    def _deliver(self, address: str, what: Line, message_id: bytes) -> Sent:
        self._require_network()
        if address in self._gone:
            raise ChannelRefused(RefusedBecause.GONE)
        if message_id in self._taken:
            return self._taken[message_id]
        sent = self._taken[message_id] = Sent(f"out-{next(self._numbers)}")
        line: Line = {"to": address, **what, "id": sent.transport_id}
        self._mailboxes[address].append(line)
        self._tell(address, line)
        return sent

    def _tell(self, address: str, line: Line) -> None:
        for queue in self._listeners[address]:
            queue.put_nowait(line)

    def _arrived(self, address: str, incoming: Incoming, stored: asyncio.Future[None]) -> None:
        """Put it behind what came before it, and behind it what has waited for it."""
        self._arriving[address].append((incoming, stored))
        self._came[address].append(incoming.transport_id)
        self._release(address, incoming.transport_id)
        self._carry(address)

    def _release(self, address: str, after: str) -> None:
        """End the waiting for one message: it came, or it was waited for long enough."""
        for incoming, stored in self._early.pop((address, after), []):
            self._arrived(address, incoming, stored)

    def _carry(self, address: str) -> None:
        """Have one task, and only one, hand over what this address said."""
        if self._events is None or address in self._carriers:
            return
        task = asyncio.create_task(self._hand_over(address, self._events))
        self._carriers[address] = task

    async def _hand_over(self, address: str, events: Handler) -> None:
        queue, pause = self._arriving[address], FIRST_PAUSE
        while queue:
            incoming, stored = queue[0]
            await self._up.wait()
            try:
                await events(incoming)
            except ChannelUnavailable as unavailable:
                await asyncio.sleep(unavailable.retry_after or pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            queue.popleft()
            pause = FIRST_PAUSE
            if not stored.done():
                stored.set_result(None)
        del self._carriers[address], self._arriving[address]

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One person, or several, on one connection."""
        self._visits[writer] = asyncio.current_task()
        visit = _Visit(self, writer)
        try:
            async for line in reader:
                visit.take(line)
        except (ConnectionError, ValueError):  # gone, or a line longer than the reader's limit
            pass
        finally:
            del self._visits[writer]
            for address, queue in visit.heard:
                self._listeners[address].discard(queue)
            await visit.end()


class _Visit:
    """One connection to the socket: reads its lines, and writes answers from its own tasks."""

    def __init__(self, loopback: Loopback, writer: asyncio.StreamWriter) -> None:
        self._loopback = loopback
        self._writer = writer
        self._tasks: set[asyncio.Task[None]] = set()
        self.heard: list[tuple[str, asyncio.Queue[Line]]] = []

    def take(self, raw: bytes) -> None:
        try:
            answer = self._obey(json.loads(raw))
        except (ValueError, KeyError, TypeError, AttributeError):
            answer = {"error": "not understood; bots/loopback.py lists what can be said here"}
        if answer is not None:
            self._write(answer)

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    def _obey(self, line: Line) -> Line | None:
        match line:
            case {"listen": str(address)}:
                queue = self._loopback.listen(address)
                self.heard.append((address, queue))
                self._spawn(self._pass_on(queue))
                return None
            case {"network": "down"}:
                self._loopback.cut()
            case {"network": "up"}:
                self._loopback.restore()
            case {"leave": str(address)}:
                self._loopback.leave(address)
            case {"as": str(address), "shout": str()}:
                self._loopback.shout(address)
            case {"as": str(address)}:
                self._spawn(self._say(address, line))
                return None
            case _:
                raise ValueError
        return line

    async def _say(self, address: str, line: Line) -> None:
        text, name, kinds = line.get("say"), line.get("id"), line.get("attachments", [])
        after, files = line.get("after"), _files(line.get("files", []))
        known = {kind.value: kind for kind in Attachment}
        if (
            not isinstance(text, str | None)
            or not isinstance(name, str | None)
            or not isinstance(after, str | None)
            or not isinstance(kinds, list)
            or not all(kind in known for kind in kinds)
            or files is None
            or (text is None and not kinds and not files)
        ):
            self._write({"error": 'write "say" as a text, or "attachments" as a list of kinds'})
            return
        attachments = tuple(known[kind] for kind in kinds)
        await self._loopback.say(
            address, text, attachments=attachments, files=files, transport_id=name, after=after
        )
        self._write({"acknowledged": name})

    async def _pass_on(self, queue: asyncio.Queue[Line]) -> None:
        while True:
            self._write(await queue.get())

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _write(self, line: Line) -> None:
        self._writer.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")


def _files(given: object) -> list[tuple[Attachment, Fetch | bytes]] | None:
    """Kind and contents of each; None for anything else."""
    if not isinstance(given, list):
        return None
    try:
        return [(Attachment(kind), base64.b64decode(text, validate=True)) for kind, text in given]
    except (ValueError, TypeError):
        return None
