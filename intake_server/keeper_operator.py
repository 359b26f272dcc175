"""The operator's side of the keeper: how it is, in types, and a connection that is closed again."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import msgspec

from vault.keeper_client import KeeperLink, OperatorKeeper
from vault.keeper_protocol import Peer, socket_name


class KeeperStanding(msgspec.Struct, frozen=True):
    """What the keeper answers to *status* (docs/keeper.md, 0x51).

    `live` counts records by kind; `alarms` gives for each the second since which it stands.
    """

    live: Mapping[str, int]
    records: int
    share_used: float
    alarms: Mapping[str, int]
    clock_in_doubt: bool
    root_pinned: bool
    fingerprint_words: tuple[str, ...]
    people: int
    mirrored: int = 0  # when the last whole mirror was made; 0: there is none

    @property
    def is_fresh(self) -> bool:
        """Whether nobody was ever set up and nothing lives: nothing could be lost."""
        return not self.root_pinned and not any(self.live.values())


def socket_path(run: Path) -> Path:
    """The keeper's socket for the operator."""
    return run / socket_name(Peer.OPERATOR)


@contextlib.asynccontextmanager
async def keeper_operator(run: Path) -> AsyncIterator[OperatorKeeper]:
    """Speak to the keeper as the operator; `run` is the folder of the sockets."""
    link = KeeperLink(socket_path(run))
    try:
        yield OperatorKeeper(link)
    finally:
        await link.close()


async def standing_of(keeper: OperatorKeeper) -> KeeperStanding:
    """How the keeper is. Raises KeeperDown, or ValueError for an answer of another version."""
    return msgspec.convert(await keeper.status(), KeeperStanding)
