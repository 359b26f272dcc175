"""The model: what was said to be so, and therefore must be so after any crash.

It is fed the lines of tests/proof/at_work.py and knows nothing of how anything is stored.
"""

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import psycopg

from tests.proof.at_work import hotline_in, url_of
from vault.engine import Database
from vault.keeper_protocol import Refused


class Standing(Enum):
    """Whether it lives: certain, certain, or asked for and never answered."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass
class Story:
    """One conversation."""

    standing: Standing = Standing.UNKNOWN
    was_erased: bool = False  # as was said; what the keeper alone knows is gone, too, and not this
    key: bytes = b""
    stored: set[bytes] = field(default_factory=set)
    asked: set[bytes] = field(default_factory=set)


@dataclass
class History:
    """All of them, by label."""

    stories: dict[str, Story] = field(default_factory=dict)
    acknowledged: int = 0

    def take(self, line: str) -> None:
        """One line of who was at work."""
        match line.split():
            case ["asks", "create", label]:
                self.stories[label] = Story()
            case ["key", label, key]:
                self.stories[label].key = bytes.fromhex(key)
            case ["created", label]:
                self.stories[label].standing = Standing.YES
            case ["asks", "erase", label]:
                self.stories[label].standing = Standing.UNKNOWN
            case ["erased", label]:
                self.stories[label].standing = Standing.NO
                self.stories[label].was_erased = True
            case ["asks", "write", label, message]:
                self.stories[label].asked.add(bytes.fromhex(message))
            case ["wrote", label, message]:
                self.stories[label].stored.add(bytes.fromhex(message))
            case _:
                raise AssertionError(f"not understood: {line}")
        self.acknowledged += line.startswith(("created", "erased", "wrote"))

    def living(self) -> list[str]:
        """Who certainly lives."""
        return [label for label, one in self.stories.items() if one.standing is Standing.YES]

    async def check(self, folder: Path) -> int:
        """Compare with what is there, and settle what was not known; how many live.

        A keeper and a database are opened over the files first, as after any crash.
        """
        hotline = hotline_in(folder)
        await hotline.open()
        database = await Database.open(url_of(folder))
        try:
            assert hotline.keeper.slots.damaged == 0, "a record is damaged"
            rows = _rows(folder)
            for label, story in self.stories.items():
                client = hotline.client(label)
                opens = await _opens(hotline, client, rows.get(client.conversation_id))
                found = rows.get(client.conversation_id, (b"", set()))[1]
                _must_hold(label, story, is_there=opens, messages=found)
            self._no_key_is_left(folder)
        finally:
            await database.close()
            await hotline.close()
        return len(self.living())

    def _no_key_is_left(self, folder: Path) -> None:
        files = [(folder / "keeper" / name).read_bytes() for name in ("slots.bin", "slots.twin")]
        assert files[0] == files[1], "slot file and twin differ"
        for label, story in self.stories.items():
            if story.was_erased:
                assert all(story.key not in data for data in files), f"{label}: its key is there"

    def forget_the_dead(self) -> None:
        """Leave out what was settled as gone, so that a long run stays quick."""
        gone = [label for label, one in self.stories.items() if one.standing is Standing.NO]
        for label in gone:
            del self.stories[label]


def _must_hold(label: str, story: Story, *, is_there: bool, messages: set[bytes]) -> None:
    if story.standing is Standing.YES:
        assert is_there, f"{label}: what was acknowledged is lost"
    if story.standing is Standing.NO:
        assert not is_there, f"{label}: what was erased has come back"
    if is_there:
        assert story.stored <= messages, f"{label}: an acknowledged message is lost"
        assert len(messages - story.asked) == 1, f"{label}: the first message is not there once"
    story.stored = messages & story.asked
    story.standing = Standing.YES if is_there else Standing.NO


async def _opens(hotline, client, row) -> bool:
    """Whether phrase, slot and row together open the conversation."""
    try:
        await hotline.web.find(client.lookup_tag)
    except Refused:
        return False
    if row is None:
        return False  # stored by the keeper alone: an orphan, which the sweep frees
    inner, *_ = await hotline.open_client_wrap(client, row[0])
    return bool(inner)


def _rows(folder: Path) -> dict[bytes, tuple[bytes, set[bytes]]]:
    """Client wrap and message ids by conversation, read without any of our own code."""
    url = url_of(folder)
    opened = sqlite3.connect(url.removeprefix("sqlite:///")) if "sqlite" in url else _postgres(url)
    with closing(opened) as c:
        if isinstance(c, sqlite3.Connection):
            assert c.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = {
            conversation: (wrap, set())
            for conversation, wrap in c.execute("SELECT id, outer_client FROM conversations")
        }
        for conversation, message in c.execute("SELECT conversation, id FROM messages"):
            found[conversation][1].add(message)
    return found


def _postgres(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace(":///", "://havenline@/"), autocommit=True)
