"""The second Delta Chat account, in a core that runs while it writes (see `bots.canary`)."""

import asyncio
import contextlib
from pathlib import Path
from typing import Final

import msgspec

from bots.channel import ChannelCannotStart, ChannelUnavailable
from bots.deltachat.account import STATE
from bots.deltachat.core import Core, CoreGone, CoreRefused, program
from bots.deltachat.sending import DELIVERED, FAILED

_PATIENCE: Final = 90.0  # seconds to meet the hotline and be rid of a message
_LOOK: Final = 0.5


class _Contact(msgspec.Struct, frozen=True, rename="camel"):
    e2ee_avail: bool


class _Message(msgspec.Struct, frozen=True):
    state: int


class DeltaVoice:
    """Writes from the account in `folder` to whoever is behind the invite in the file `invite`."""

    def __init__(self, folder: Path, invite: Path) -> None:
        self._state = folder / STATE
        self._invite = invite

    async def say(self, text: str) -> None:
        """Scan the invite, as everybody does, and send."""
        binary = program()
        try:
            invite = (await asyncio.to_thread(self._invite.read_text, "utf-8")).strip()
        except OSError:
            invite = ""
        if binary is None or not invite or not self._state.is_dir():
            raise ChannelCannotStart(
                "there is no second account, or no invite: havenline channels add deltachat "
                "--canary"
            )
        try:
            core = await Core.start(binary, self._state)
            try:
                async with asyncio.timeout(_PATIENCE):
                    await _write(core, invite, text)
            finally:
                await core.close()
        except (CoreGone, CoreRefused, TimeoutError):
            raise ChannelUnavailable from None

    async def close(self) -> None:
        """Do nothing: no core stays open."""


async def _write(core: Core, invite: str, text: str) -> None:
    """Meet the hotline where that was not done yet, send, and wait until the server has it."""
    accounts = await core.ask(list[int], "get_all_account_ids")
    if not accounts:
        raise CoreRefused("no account")
    account = accounts[0]
    await core.call("start_io", account)
    chat = await core.ask(int, "secure_join", account, invite)
    (contact,) = await core.ask(list[int], "get_chat_contacts", account, chat)
    while not (await core.ask(_Contact, "get_contact", account, contact)).e2ee_avail:  # noqa: ASYNC110 - asked a few times, when they first meet
        await asyncio.sleep(_LOOK)
    message = await core.ask(int, "misc_send_text_message", account, chat, text)
    state = 0
    while state < DELIVERED:
        await asyncio.sleep(_LOOK)
        state = (await core.ask(_Message, "get_message", account, message)).state
        if state == FAILED:
            break
    with contextlib.suppress(CoreRefused):
        await core.call("delete_messages", account, [message])
    if state == FAILED:
        raise CoreRefused("not sent")
