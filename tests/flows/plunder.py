"""The adversary of promise 1 and 2: every file, every key, every password, and all the time.

Knows the layouts from docs/keeper.md and docs/envelope.md only; asks no process anything.
"""

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

from vault import envelope, sealing, wraps
from vault.envelope import Direction
from vault.sealing import CannotOpen, Kind, Secret

HEADER = 4096
RECORD = 256
S_AT = 41  # kind 1, counter 8, tag 16, id 16


@dataclass
class Loot:
    """What the adversary holds."""

    databases: list[Path] = field(default_factory=list)
    slot_files: list[bytes] = field(default_factory=list)
    team_seeds: list[Secret] = field(default_factory=list)
    phrases: list = field(default_factory=list)

    def shred_keys(self) -> list[Secret]:
        """Whatever lies where a shred key would, of every record, live or free."""
        found = set()
        for raw in self.slot_files:
            for at in range(HEADER, len(raw), RECORD):
                found.add(raw[at + S_AT : at + S_AT + 32])
        return [Secret(key) for key in found]

    def read_everything(self) -> dict[bytes, list[str]]:
        """Every text that opens, by conversation id, out of every database copy."""
        keys = self.shred_keys()
        teams = [wraps.team_keys(seed) for seed in self.team_seeds]
        found: dict[bytes, list[str]] = {}
        for path in self.databases:
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
                for row in connection.execute(
                    "select id, epoch, outer_team, outer_client from conversations"
                ):
                    texts = self._open(connection, row, keys, teams)
                    if texts:
                        found[row[0]] = texts
            connection.close()
        return found

    def _open(self, connection, row, keys, teams) -> list[str]:
        conversation, epoch, outer_team, outer_client = row
        for box in self._conversation_keys(
            conversation, epoch, outer_team, outer_client, keys, teams
        ):
            texts = []
            for (blob,) in connection.execute(
                "select envelope from messages where conversation = ? and kind = 1", (conversation,)
            ):
                opened = envelope.open_envelope(
                    blob,
                    Kind.MESSAGE,
                    box,
                    conversation,
                    {Direction.CLIENT_TO_TEAM, Direction.TEAM_TO_CLIENT},
                )
                texts.append(envelope.decode_text(opened.envelope).text)
            if texts:
                return texts
        return []

    def _conversation_keys(self, conversation, epoch, outer_team, outer_client, keys, teams):
        number = epoch.to_bytes(4, "big")
        for inner in _peel(keys, Kind.TEAM_WRAP, conversation, "team", number, outer_team):
            for team in teams:
                yield from _tried(wraps.open_team_wrap, team.box, inner, conversation, epoch)
        # An unpeeled wrap is tried as well: the layer might have been left away.
        for team in teams:
            yield from _tried(wraps.open_team_wrap, team.box, outer_team, conversation, epoch)
        for own in self.phrases:
            tag = own.lookup_tag
            for inner in _peel(keys, Kind.CLIENT_WRAP, conversation, "client", tag, outer_client):
                yield from _tried(wraps.open_client_wrap, own.box, inner, conversation)
            if outer_client:
                yield from _tried(wraps.open_client_wrap, own.box, outer_client, conversation)


def _peel(keys, kind, conversation, role, detail, outer):
    reader = sealing.reader_of(role, detail)
    for key in keys if outer else ():
        try:
            yield sealing.outer_open(key, kind, conversation, reader, outer)
        except CannotOpen:
            continue


def _tried(opener, *arguments):
    try:
        wrap = opener(*arguments)
    except CannotOpen:
        return
    yield wrap.keys.messages if hasattr(wrap, "keys") else wrap.messages
