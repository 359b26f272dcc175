"""A client's phone by a second library: matrix-js-sdk in a process of its own, driven by lines."""

import asyncio
import base64
import contextlib
import itertools
import json
import shutil
import subprocess
from pathlib import Path

from bots.channel import Attachment
from tests.bots.matrix.bench import MatrixBench
from tests.bots.matrix.homeserver import PASSWORD

HERE = Path(__file__).with_name("js")
STAMP = HERE / "node_modules" / ".package-lock.json"
PATIENCE = 60.0


def installed() -> None:
    """Fetch what the lock names, once; needs the network the first time."""
    if STAMP.exists() and STAMP.stat().st_mtime >= (HERE / "package-lock.json").stat().st_mtime:
        return
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError("npm is missing; it comes with Node, or on Debian: apt-get install npm")
    done = subprocess.run(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the second Matrix library cannot be installed: {done.stderr[-500:]}")


class JsPhone:
    """One device of one account."""

    async def sign_in(self, server: str, name: str, hotline: str) -> "JsPhone":
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.files: asyncio.Queue[bytes] = asyncio.Queue()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._child = await asyncio.create_subprocess_exec(
            *("node", HERE / "phone.mjs", server, name, PASSWORD, hotline),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=1 << 20,
        )
        self._reading = asyncio.create_task(self._read())
        async with asyncio.timeout(PATIENCE):
            await self._ready
        return self

    async def sign_out(self) -> None:
        self._child.stdin.close()
        try:
            async with asyncio.timeout(5):
                await self._child.wait()
        except TimeoutError:
            self._child.kill()
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        with contextlib.suppress(ProcessLookupError):
            await self._child.wait()

    async def say(self, text: str) -> None:
        await self._ask(do="say", text=text)

    async def show(self, kind: Attachment, content: bytes) -> None:
        await self._ask(do="show", kind=kind.value, content=base64.b64encode(content).decode())

    async def hear_file(self) -> bytes:
        return await self.files.get()

    async def say_openly(self, text: str) -> bool:
        await self._ask(do="open", text=text)
        return True

    async def hear(self) -> str:
        return await self.heard.get()

    async def _ask(self, **asked: str) -> None:
        number = next(self._numbers)
        done = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._child.stdin.write(json.dumps({"number": number, **asked}).encode() + b"\n")
        async with asyncio.timeout(PATIENCE):
            await done

    async def _read(self) -> None:
        async for line in self._child.stdout:
            self._take(json.loads(line))
        wrong = (await self._child.stderr.read()).decode()[-1000:]
        for one in (self._ready, *self._waiting.values()):
            if not one.done():
                one.set_exception(RuntimeError(f"the phone ended: {wrong}"))

    def _take(self, told: dict) -> None:
        if "heard" in told:
            self.heard.put_nowait(told["heard"])
        elif "file" in told:
            self.files.put_nowait(base64.b64decode(told["file"]))
        elif "ready" in told:
            self._ready.set_result(told["ready"])
        elif "done" in told:
            self._waiting.pop(told["done"]).set_result(None)
        else:
            self._waiting.pop(told["failed"]).set_exception(RuntimeError(told["why"]))


class JsBench(MatrixBench):
    """The same hotline, with the other library's phones."""

    async def phone_of(self, name: str) -> JsPhone:
        await self.published()
        phone = await JsPhone().sign_in(self.server.url, name, self.hotline)
        self.phones.append(phone)
        return phone
