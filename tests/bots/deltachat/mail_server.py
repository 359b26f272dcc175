"""A mail server of one process, in memory: `python mail_server.py` prints its IMAP and SMTP ports.

pymap keeps the mailboxes, aiosmtpd takes mail in; every address exists and every password is
right. Mail goes where the SMTP envelope says, byte for byte: Delta Chat hides recipients from the
headers, and a PGP part that is written anew may not open any more. It ends at the end of its
standard input.
"""

import asyncio
import contextlib
import datetime as dt
import sys

from mail_devel import service
from mail_devel.smtp import MemoryHandler
from pymap.parsing.message import AppendMessage

DOMAIN = "hotline.test"
REMINDERS = (0.1, 0.3, 1.0, 3.0, 10.0)
"""Seconds after which waiting clients are woken again: pymap forgets to tell one that only just
begins to wait (RFC 2177 IDLE) of mail that came a moment before."""


def handler_in(loop: asyncio.AbstractEventLoop) -> type[MemoryHandler]:
    """aiosmtpd runs a thread of its own; mailboxes are touched in `loop` alone."""

    class ByEnvelope(MemoryHandler):
        async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - aiosmtpd's name
            delivered = asyncio.run_coroutine_threadsafe(self._deliver(envelope), loop)
            await asyncio.wrap_future(delivered)
            return "250 OK"

        async def _deliver(self, envelope):
            for address in {one.lower() for one in envelope.rcpt_tos}:
                mailbox = await (await self.mailboxes.get(address)).get_mailbox("INBOX")
                now = dt.datetime.now(dt.UTC)
                await mailbox.append(
                    AppendMessage(envelope.original_content, now, flag_set=frozenset())
                )
                for seconds in REMINDERS:
                    loop.call_later(seconds, mailbox._updated.set)

    return ByEnvelope


async def main() -> None:
    loop = asyncio.get_running_loop()
    service.MemoryHandler = handler_in(loop)
    arguments = service.Service.parse(
        [
            *("--host", "127.0.0.1", "--imap-port", sys.argv[1], "--smtp-port", sys.argv[2]),
            *("--multi-user", "--user", f"postmaster@{DOMAIN}", "--password", "pw", "--no-http"),
        ]
    )
    running = await service.Service.init(arguments)
    async with running.start():
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        with contextlib.suppress(OSError):
            await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
