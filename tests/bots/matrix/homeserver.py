"""A real Synapse for the tests: an ordinary process on a free port, SQLite, no federation."""

import asyncio
import hashlib
import hmac
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import aiohttp

SERVER_NAME = "hotline.test"
PASSWORD = "correct horse battery"
_SECRET = "only-for-tests"
_UNLIMITED = {"per_second": 10_000, "burst_count": 10_000}
_START_SECONDS = 90


class Homeserver:
    def __init__(self, **settings: object) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hl-synapse"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._settings = settings
        self._process: subprocess.Popen | None = None
        self._people = 0

    def start(self) -> None:
        file = self.folder / "homeserver.yaml"
        file.write_text(json.dumps(self._config()))  # JSON is YAML
        key = "ed25519 a_test " + "A" * 43 + "\n"
        (self.folder / "signing.key").write_text(key)
        with (self.folder / "out.log").open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "synapse.app.homeserver", "--config-path", str(file)],
                stdout=out,
                stderr=out,
                env=os.environ | {"SYNAPSE_CACHE_FACTOR": "0.1"},
            )
        self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise RuntimeError((self.folder / "out.log").read_text()[-2000:])
            try:
                urllib.request.urlopen(f"{self.url}/_matrix/client/versions", timeout=5).close()
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
            else:
                return
        raise RuntimeError("Synapse did not start")

    def stop(self, *, remove: bool = True) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None
        if remove:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _config(self) -> dict[str, object]:
        folder = self.folder
        log = {
            "version": 1,
            "handlers": {"file": {"class": "logging.FileHandler", "filename": f"{folder}/log"}},
            "root": {"level": "WARNING", "handlers": ["file"]},
        }
        (folder / "log.yaml").write_text(json.dumps(log))
        listener = {
            "port": self.port,
            "bind_addresses": ["127.0.0.1"],
            "type": "http",
            "tls": False,
            "x_forwarded": False,
            "resources": [{"names": ["client"]}],
        }
        limits = {
            "rc_login": dict.fromkeys(("address", "account", "failed_attempts"), _UNLIMITED),
            "rc_invites": dict.fromkeys(("per_room", "per_user", "per_issuer"), _UNLIMITED),
            "rc_joins": {"local": _UNLIMITED, "remote": _UNLIMITED},
            "rc_registration": _UNLIMITED,
            "rc_message": _UNLIMITED,
        }
        return {
            "server_name": SERVER_NAME,
            "pid_file": f"{folder}/pid",
            "listeners": [listener],
            "database": {"name": "sqlite3", "args": {"database": f"{folder}/server.db"}},
            "log_config": f"{folder}/log.yaml",
            "media_store_path": f"{folder}/media",
            "signing_key_path": f"{folder}/signing.key",
            "registration_shared_secret": _SECRET,
            "macaroon_secret_key": "m",
            "form_secret": "f",
            "report_stats": False,
            "trusted_key_servers": [],
            "federation_domain_whitelist": [],
            "presence": {"enabled": False},
            "url_preview_enabled": False,
            "bcrypt_rounds": 4,
            "redaction_retention_period": "1s",
            **limits,
            **self._settings,
        }

    async def new_person(self) -> str:
        """Register somebody new and return their local name."""
        self._people += 1
        name = f"person{self._people}"
        await self.register(name)
        return name

    async def register(self, name: str, *, admin: bool = False) -> None:
        """By the administration's way: a nonce and an HMAC-SHA1 under the shared secret."""
        url = f"{self.url}/_synapse/admin/v1/register"
        async with aiohttp.ClientSession() as http:
            async with http.get(url) as answer:
                nonce = (await answer.json())["nonce"]
            role = "admin" if admin else "notadmin"
            signed = b"\0".join(part.encode() for part in (nonce, name, PASSWORD, role))
            mac = hmac.new(_SECRET.encode(), signed, hashlib.sha1).hexdigest()
            asked = {
                "nonce": nonce,
                "username": name,
                "password": PASSWORD,
                "admin": admin,
                "mac": mac,
            }
            async with http.post(url, json=asked) as answer:
                assert answer.status == 200, await answer.text()

    async def limit(self, user_id: str, *, per_second: int, burst: int) -> None:
        """Allow this account so few messages from now on."""
        await self.register(f"admin{self._people}", admin=True)
        login = {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": f"admin{self._people}"},
            "password": PASSWORD,
        }
        async with aiohttp.ClientSession(self.url) as http:
            async with http.post("/_matrix/client/v3/login", json=login) as answer:
                token = (await answer.json())["access_token"]
            path = f"/_synapse/admin/v1/users/{user_id}/override_ratelimit"
            wanted = {"messages_per_second": per_second, "burst_count": burst}
            headers = {"Authorization": f"Bearer {token}"}
            async with http.post(path, json=wanted, headers=headers) as answer:
                assert answer.status == 200, await answer.text()

    def on_disk(self) -> bytes:
        """All that Synapse has stored."""
        return b"".join(file.read_bytes() for file in self.folder.glob("server.db*"))


class Wire:
    """A line between a channel and the homeserver that can be cut."""

    def __init__(self, target: int) -> None:
        self._target = target
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._silent = False

    async def join(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)

    async def cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def hang(self) -> None:
        """Take what comes and never answer."""
        await self.cut()
        self._silent = True
        await self.join()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._silent:
            self._writers.add(writer)
            return
        try:
            far_reader, far = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, far}
        try:
            await asyncio.gather(_pump(reader, far), _pump(far_reader, writer))
        finally:
            self._writers -= {writer, far}


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
