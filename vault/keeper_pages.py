"""The verbs about a page that goes on with a chat's conversation (docs/keeper.md, 0x65-0x6C).

They raise what the other verbs raise: see `vault.keeper_client`.
"""

from dataclasses import dataclass, field

from vault.keeper_client import PeerClient
from vault.keeper_protocol import Reference, Verb, u32
from vault.keeper_requests import Proof


@dataclass(frozen=True, slots=True)
class AskedPage:
    """What asks at a conversation: the hash of its proposal, and whether the chat confirmed it.

    `code`: by which it asked, ten digits; empty where the keeper has forgotten it.
    """

    code: str = field(repr=False)
    hash: bytes = field(repr=False)
    is_confirmed: bool


@dataclass(frozen=True, slots=True)
class WrappedForPage:
    """Both wraps under their outer layers, to be stored before the page is let in."""

    team_wrap: bytes = field(repr=False)
    client_wrap: bytes = field(repr=False)
    answer: bytes = field(repr=False)


class ChatPageKeeper(PeerClient):
    """The chat's side; on the courier's connection."""

    async def make_code(self, address: Reference) -> str:
        """A code of ten digits by which a page may ask; once, for 15 minutes."""
        (code,) = await self._link.ask(Verb.PAGE_CODE, address.packed)
        return code.decode()

    async def asked(self, address: Reference) -> AskedPage | None:
        """What asks there; None where nothing does."""
        code, named, confirmed = await self._link.ask(Verb.PAGE_ASKED, address.packed)
        return AskedPage(code.decode("ascii"), named, confirmed == b"\x01") if named else None

    async def confirm(self, address: Reference, proposal_hash: bytes) -> None:
        """Keep what asks until a counsellor lets it in."""
        await self._link.ask(Verb.PAGE_CONFIRM, address.packed, proposal_hash)

    async def take_back(self, address: Reference) -> None:
        """Forget what asks there, confirmed or not."""
        await self._link.ask(Verb.PAGE_CONFIRM, address.packed, b"")


class AskingKeeper(PeerClient):
    """The page's side; on web's connection."""

    async def propose(self, request: bytes) -> None:
        """Ask with a code; `request` of `vault.page_proposal.sealed_proposal`."""
        await self._link.ask(Verb.PAGE_PROPOSE, request)


class TeamPageKeeper(PeerClient):
    """The team's side; on the desk's connection. Each answer is sealed to who made the proof."""

    async def asking(self, reference: Reference, staff_id: bytes, proof: Proof) -> bytes:
        """Which keys wait to be let in."""
        given = reference.packed, staff_id, *proof.fields
        (answer,) = await self._link.ask(Verb.PAGE_ASKING, *given)
        return answer

    async def wrap(
        self, reference: Reference, staff_id: bytes, epoch: int, request: bytes, proof: Proof
    ) -> WrappedForPage:
        """Both wraps, of sealed inner ones (`vault.page_proposal.sealed_wraps`)."""
        given = reference.packed, staff_id, u32(epoch), request, *proof.fields
        return WrappedForPage(*await self._link.ask(Verb.PAGE_WRAP, *given))

    async def let_in(
        self, reference: Reference, staff_id: bytes, proposal_hash: bytes, proof: Proof
    ) -> bytes:
        """Have the phrase open the conversation, once its wraps are stored."""
        given = reference.packed, staff_id, proposal_hash, *proof.fields
        (answer,) = await self._link.ask(Verb.PAGE_LET_IN, *given)
        return answer

    async def refuse(
        self, reference: Reference, staff_id: bytes, proposal_hash: bytes, proof: Proof
    ) -> bytes:
        """Forget what waits."""
        given = reference.packed, staff_id, proposal_hash, *proof.fields
        (answer,) = await self._link.ask(Verb.PAGE_REFUSE, *given)
        return answer
