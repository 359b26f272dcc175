"""A whole hotline for tests: a keeper over real sockets, a real database, and the processes.

The processes run in the test's own loop with a clock that the test turns.
"""

import asyncio
import contextlib
import json
from io import StringIO
from pathlib import Path

from intake_server.caretaker import __main__ as caretaker
from intake_server.logs import open_log
from intake_server.settings import (
    ChannelSettings,
    DataSettings,
    DeskSettings,
    LoopbackSettings,
    ScreeningSettings,
    Settings,
)
from tests.intake_server.keeper.world import RECORDS, Hotline
from vault import changes, conversations, messages, outbox
from vault.engine import Database
from vault.envelope import (
    Direction,
    Envelope,
    Format,
    Origin,
    Text,
    decode_findings,
    decode_text,
    encode_body,
    is_verified,
    open_envelope,
    seal_envelope,
)
from vault.keeper_protocol import Reference, Verb
from vault.keeper_requests import sealed_inner
from vault.schema import migrate
from vault.sealing import Kind, random_bytes
from vault.wraps import (
    OutboxItem,
    address_tag,
    open_team_wrap,
    seal_outbox_item,
    team_keys,
)


class Stage(Hotline):
    """The keeper's world with a database and, when they are called, the other processes."""

    def __init__(self, folder: Path, *, screening: str = "on", records: int = RECORDS) -> None:
        super().__init__(folder, records=records)
        self.lines = StringIO()
        self.settings = Settings(
            data=DataSettings(folder=folder),
            desk=DeskSettings(port=0),
            screening=ScreeningSettings(mode=screening, languages=("en",)),
            channels=ChannelSettings(loopback=LoopbackSettings(enabled=True)),
        )
        self._processes = contextlib.AsyncExitStack()
        for name, seed in (("courier", self.courier_seed), ("caretaker", self.caretaker_seed)):
            (folder / name).mkdir(mode=0o700)
            file = folder / name / "seed"
            file.write_bytes(seed.reveal())
            file.chmod(0o600)

    async def raise_curtain(self) -> None:
        """Keeper and database; nobody is set up."""
        await self.open()
        migrate(self.settings.data.database_url)
        self.database = await Database.open(self.settings.data.database_url)

    async def fall(self) -> None:
        await self._processes.aclose()
        await self.database.close()
        await self.close()

    def log_of(self, name: str):
        return open_log(name, level="debug", clock=self.clock, stream=self.lines)

    async def call(self, serving):
        """Run a process until the end of the test, or until `dismiss_all`."""
        return await self._processes.enter_async_context(serving)

    async def dismiss_all(self) -> None:
        await self._processes.aclose()

    async def with_caretaker(self, **more):
        serving = caretaker.serving(self.settings, self.clock, self.log_of("caretaker"), **more)
        return await self.call(serving)

    async def with_courier(self, **more):
        from intake_server.courier import __main__ as courier

        serving = courier.serving(self.settings, self.clock, self.log_of("courier"), **more)
        return await self.call(serving)

    # --- a client on the web --------------------------------------------------------------

    async def write_web(self, text: str = "hello", **request):
        """A first message as web stores it: slot, then rows. The client, and what was made."""
        client, made = await self.write_in(**request)
        await self.store_web(client, made, text)
        return client, made

    async def store_web(self, client, made, text: str = "hello") -> bytes:
        message_id = random_bytes(16)
        content = Envelope(
            conversation_id=client.conversation_id,
            message_id=message_id,
            writer_id=random_bytes(16),
            counter=1,
            direction=Direction.CLIENT_TO_TEAM,
            origin=Origin.CLIENT,
            epoch=0,
            time_ms=self.now() * 1000,
            danger=False,
            format=Format.MESSAGE,
            body=encode_body(Text(text, "")),
        )
        envelope = seal_envelope(content, Kind.MESSAGE, client.keys.messages.public, client.sign)
        new = conversations.NewConversation(
            id=client.conversation_id,
            slot=made.reference.slot,
            tag=made.reference.tag,
            channel="web",
            language="",
            danger=False,
            epoch=1,
            outer_team=made.team_wrap,
            outer_client=made.client_wrap,
            due=made.due,
            latest=made.latest,
            now=self.now(),
        )

        def work(c):
            conversations.create(c, new)
            stored = messages.NewMessage(message_id, new.id, 1, 1, envelope, self.now())
            messages.add(c, stored)
            changes.note(c, new.id, "new")

        await self.database.write(work)
        return message_id

    # --- a counsellor's answer ------------------------------------------------------------

    async def answer(self, row, text: str, **changed) -> bytes:
        """Put a reply into the outbox as the desk does; its message id.

        `changed` names fields of the sealed item that differ from the row's, or `signer`.
        """
        message_id = changed.pop("row_id", None) or random_bytes(16)
        signer = changed.pop("signer", None) or team_keys(self.team_seeds[0]).sign
        fields = {
            "conversation_id": row.id,
            "message_id": message_id,
            "epoch": 1,
            "channel": row.channel,
            "text": text,
            **changed,
        }
        inner = seal_outbox_item(self.courier_keys.box.public, OutboxItem(**fields), signer)
        request = sealed_inner((await self.desk.hello()).start_key, inner)
        reference = self.reference_of(row)
        proof, _ = await self.staff_proof(
            self.first,
            Verb.REPLIED,
            reference.packed,
            self.first.staff_id,
            message_id,
            request,
        )
        replied = await self.desk.replied(
            reference, self.first.staff_id, message_id, request, proof
        )
        await self.put_out(row, message_id, replied.outbox_item)
        return message_id

    async def put_out(self, row, message_id: bytes, outer: bytes) -> None:
        item = outbox.OutboxItem(
            message=message_id,
            conversation=row.id,
            slot=row.slot,
            tag=row.tag,
            channel=row.channel,
            outer=outer,
            epoch=1,
            now=self.now(),
        )

        def work(c):
            outbox.add(c, item)
            conversations.answered(c, row.id, row.due)
            changes.note(c, row.id, "reply")

        await self.database.write(work)

    async def standing(self, row, message_id: bytes):
        """State and reason of one reply."""
        standings = await self.database.read(lambda c: outbox.state_of(c, row.id))
        return next((one.state, one.reason) for one in standings if one.message == message_id)

    async def settled(self, row, message_id: bytes):
        """The same, once it does not wait for its first try any more."""
        return await self.until(row, message_id, lambda now: now != ("waiting", None))

    async def ended(self, row, message_id: bytes):
        """The same, once it does not wait any more."""
        return await self.until(row, message_id, lambda now: now[0] != "waiting")

    async def until(self, row, message_id: bytes, is_so):
        async with asyncio.timeout(60):
            async for _ in self.database.changes(0):
                now = await self.standing(row, message_id)
                if is_so(now):
                    return now
        return None

    # --- looking --------------------------------------------------------------------------

    async def rows(self):
        """All conversations, whole."""

        def work(c):
            return [conversations.get(c, one.id) for one in conversations.references(c)]

        return await self.database.read(work)

    async def only_row(self):
        (row,) = await self.rows()
        return row

    async def keys_of(self, row):
        """A conversation's keys, opened by the first counsellor through the keeper."""

        class Made:
            reference = self.reference_of(row)
            team_wrap = row.outer_team

        inner, *_ = await self.open_team_wrap(self.first, Made, row.epoch)
        team = team_keys(self.team_seeds[row.epoch - 1])
        return open_team_wrap(team.box, inner, row.id, row.epoch).keys

    @staticmethod
    def reference_of(row):
        return Reference(row.slot, row.tag)

    async def envelopes(self, row):
        """What the client wrote, as the counsellor opens it; each verified as the courier's."""
        keys = await self.keys_of(row)
        stored = await self.database.read(lambda c: messages.of(c, row.id, kinds=(1,)))
        found = []
        for one in stored:
            opened = open_envelope(
                one.envelope, Kind.MESSAGE, keys.messages, row.id, [Direction.CLIENT_TO_TEAM]
            )
            assert is_verified(opened, self.courier_keys.sign.public)
            found.append(opened.envelope)
        return found

    async def texts(self, row):
        return [decode_text(envelope).text for envelope in await self.envelopes(row)]

    def courier_tag(self, channel: str, address: str) -> bytes:
        return address_tag(self.courier_seed, channel, address)

    async def findings(self, row):
        """What screening found, each verified as the caretaker's."""
        keys = await self.keys_of(row)
        stored = await self.database.read(lambda c: messages.of(c, row.id, kinds=(2,)))
        found = []
        for one in stored:
            opened = open_envelope(one.envelope, Kind.NOTE, keys.notes, row.id, [Direction.FINDING])
            assert is_verified(opened, self.caretaker_keys.public)
            found.append(json.loads(decode_findings(opened.envelope).document))
        return found

    def files(self) -> bytes:
        """Every byte of the database's files."""
        folder = self.settings.data.database_dir
        return b"".join(file.read_bytes() for file in sorted(folder.iterdir()))
