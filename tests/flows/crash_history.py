"""What was acknowledged to whom, and what must therefore be true after any crash."""

from dataclasses import dataclass, field
from enum import Enum

import aiohttp

from tests.flows.adversary_hands import HEADER, KIND_CONVERSATION, RECORD
from tests.flows.people import Client, Counsellor, Refused, post, to_text
from tests.flows.plunder import Loot
from tests.flows.stack import Stack, until
from vault.sealing import CannotOpen, Malformed

TROUBLE = (Refused, aiohttp.ClientError, TimeoutError, OSError, AssertionError)
"""What a person sees while a process is killed; `AssertionError`: a row that is just gone."""


class Erased(Enum):
    NO = "no"
    ASKED = "asked, and not known"
    SAID = "acknowledged"


@dataclass
class Story:
    """One client: what was acknowledged as stored, and what may or may not be."""

    client: Client
    stored: list[str] = field(default_factory=list)
    perhaps: set[str] = field(default_factory=set)
    erased: Erased = Erased.NO
    is_over: bool = False  # nothing opens it, rightly

    def note(self, text: str, *, is_stored: bool) -> None:
        if is_stored:
            self.stored.append(text)
            self.perhaps.discard(text)
        else:
            self.perhaps.add(text)

    def must_hold(self, texts: list[str] | None) -> None:
        """Compares with what is there now; None: nothing opens."""
        if texts is None:
            assert self.erased is not Erased.NO or not self.stored, "what was stored is lost"
            self.is_over = True
            return
        assert self.erased is not Erased.SAID, "what was erased opens"
        assert not self.is_over, "what was gone has come back"
        assert len(texts) == len(set(texts)), "a message is there twice"
        assert set(self.stored) <= set(texts), "an acknowledged message is lost"
        assert set(texts) <= set(self.stored) | self.perhaps, "a message nobody wrote"
        self.erased = Erased.NO  # it was asked for, and has not happened
        self.stored, self.perhaps = list(texts), set()


@dataclass
class History:
    """All stories of one installation."""

    stack: Stack
    net: aiohttp.ClientSession
    ana: Counsellor
    stories: list[Story] = field(default_factory=list)
    shred_keys: dict[bytes, bytes] = field(default_factory=dict)  # by conversation
    acknowledged: int = 0

    def living(self) -> list[Story]:
        return [one for one in self.stories if one.stored and one.erased is Erased.NO]

    # --- what people do -------------------------------------------------------------------

    async def arrive(self, text: str, *, insists: bool = False) -> None:
        """Somebody writes for the first time; `insists`: again and again, until it is stored."""
        story = Story(Client(self.stack, self.net))
        try:
            body = await story.client.first_body(text)
        except TROUBLE:
            return  # nothing has left the browser
        self.stories.append(story)
        story.note(text, is_stored=False)

        async def is_sent() -> bool:
            return await self._did(self._send(story, body), story, text)

        if insists:
            await until(is_sent, "it is stored in the end")
        else:
            await is_sent()

    async def _send(self, story: Story, body: dict) -> None:
        client = story.client
        try:
            await post(self.net, f"{self.stack.web}/api/first", body)
        except Refused as refused:
            if refused.code == "stale_keys":  # sealed again for the keeper that runs now
                body["create"] = to_text(client.create(await client.load()))
            raise

    async def write(self, story: Story, text: str) -> None:
        story.note(text, is_stored=False)
        await self._did(story.client.write(text), story, text)

    async def reply(self, story: Story, text: str) -> None:
        async def claim_open_and_reply() -> None:
            await self.ana.claim(story.client.conversation)
            opened = await self.ana.open(story.client.conversation)
            story.note(text, is_stored=False)
            await opened.reply(text)

        await self._did(claim_open_and_reply(), story, text)

    async def erase(self, story: Story) -> None:
        story.erased = Erased.ASKED
        try:
            await story.client.erase()
        except (*TROUBLE, CannotOpen, Malformed):
            return
        story.erased = Erased.SAID
        self.acknowledged += 1

    async def _did(self, what, story: Story, text: str) -> bool:
        try:
            await what
        except TROUBLE:
            return False
        story.note(text, is_stored=True)
        self.acknowledged += 1
        return True

    # --- what must be true ----------------------------------------------------------------

    async def check(self, stories: list[Story]) -> None:
        """Everybody comes back with nothing but the phrase."""
        for story in stories:
            found = await until(
                lambda story=story: self._come_back(story), "the phrase is answered"
            )
            story.must_hold(found[0])

    async def _come_back(self, story: Story) -> list[list[str] | None] | None:
        fresh = Client(self.stack, self.net, phrase=story.client.phrase)
        try:
            read = await fresh.come_back()
        except CannotOpen:
            return [None]
        except TROUBLE:
            return None
        assert all(message.verified for message in read)
        return [[message.text for message in read]]

    async def check_queue(self) -> None:
        """What stands in the queue opens whole; what was said to be erased is not there."""
        rows = await self.ana.queue()
        said = {one.client.conversation for one in self.stories if one.erased is Erased.SAID}
        by_id = {to_text(one.client.conversation): one for one in self.stories}
        for row in rows:
            story = by_id.get(row["conversation"])
            if story is not None:
                opened = await self.ana.open(story.client.conversation)
                story.must_hold([message.text for message in opened.read()])
        there = {row["conversation"] for row in rows}
        assert not there & {to_text(each) for each in said}
        assert {to_text(one.client.conversation) for one in self.living()} <= there

    def look_at_slots(self) -> None:
        """Remember which shred key is whose: what an attacker with the slot file would."""
        raw = (self.stack.data / "keeper" / "slots.bin").read_bytes()
        for at in range(HEADER, len(raw), RECORD):
            if raw[at] == KIND_CONVERSATION:
                self.shred_keys[raw[at + 25 : at + 41]] = raw[at + 41 : at + 73]

    def check_files(self) -> None:
        """Nothing erased is opened by all files, the team's key and every phrase."""
        said = {one.client.conversation for one in self.stories if one.erased is Erased.SAID}
        keys = {self.shred_keys[each] for each in said if each in self.shred_keys}
        files = self.stack.files()
        slots, twin = (
            files[self.stack.data / "keeper" / name] for name in ("slots.bin", "slots.twin")
        )
        assert slots == twin
        assert not [path.name for path, data in files.items() if any(key in data for key in keys)]
        loot = Loot(
            databases=[self.stack.data / "database" / "havenline.sqlite3"],
            slot_files=[_in_short(slots)],
            team_seeds=[self.ana.team_seed],
            phrases=[one.client.own for one in self.stories if one.erased is Erased.SAID],
        )
        opened = loot.read_everything()
        assert not said & set(opened)
        assert {one.client.conversation for one in self.living()} <= set(opened)


def _in_short(slots: bytes) -> bytes:
    """The living records alone: trying what lies in thousands of free ones takes too long."""
    records = [slots[at : at + RECORD] for at in range(HEADER, len(slots), RECORD)]
    living = [record for record in records if record[0] == KIND_CONVERSATION]
    return bytes(HEADER) + b"".join(living)
