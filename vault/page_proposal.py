"""What a page proposes that asks to go on with a chat's conversation (docs/envelope.md, 14).

Its hash names all three keys at once: the page's number is made of it and the code, the courier
signs it, and
a counsellor's browser seals to nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from vault.keeper_protocol import (
    CLIENT_WRAP_SIZE,
    JOIN_CODE_DIGITS,
    KEY,
    TAG,
    TEAM_WRAP_SIZE,
    Shape,
    exactly,
    read_fields,
)
from vault.sealing import (
    KEY_SIZE,
    TAG_SIZE,
    BoxKeys,
    Kind,
    Malformed,
    Secret,
    argon2id,
    header,
    labelled_hash,
    open_sealed,
    pack,
    seal,
)

NUMBER_DIGITS: Final = 10
_SALT: Final = b"havenline-number"
_USED: Final = 8
_PROPOSAL: Final[Shape] = (exactly(JOIN_CODE_DIGITS), TAG, KEY, KEY)
_WRAPS: Final[Shape] = (exactly(TEAM_WRAP_SIZE), exactly(CLIENT_WRAP_SIZE))
_NO_KEY: Final = bytes(KEY_SIZE)
_NO_TAG: Final = bytes(TAG_SIZE)


@dataclass(frozen=True, slots=True)
class Proposal:
    """The public side of a phrase: the tag it is found by, its Ed25519 and its X25519 key."""

    lookup_tag: bytes = field(repr=False)
    verify_key: bytes = field(repr=False)
    box_key: bytes = field(repr=False)

    @property
    def hash(self) -> bytes:
        """32 bytes that name it."""
        return labelled_hash("page-keys", pack(self.lookup_tag, self.verify_key, self.box_key))


def number_for(code: str, proposal_hash: bytes) -> str:
    """The ten digits that a page shows and the chat repeats.

    Slow on purpose: whoever stands between page and keeper would have to find other keys with the
    same number within the quarter of an hour that a proposal lives. The code, which nobody knows
    before that quarter begins, leaves nothing to compute beforehand.
    """
    named = labelled_hash("page-number", pack(code.encode("ascii"), proposal_hash))
    slow = argon2id(Secret(named), _SALT, memory_kib=8 * 1024, passes=1, size=KEY_SIZE)
    number = int.from_bytes(slow.reveal()[:_USED], "big") % 10**NUMBER_DIGITS
    return f"{number:0{NUMBER_DIGITS}}"


def sealed_proposal(start_key: bytes, code: str, proposal: Proposal) -> bytes:
    """A proposal on its way to the keeper; raises UnicodeEncodeError for a code without digits."""
    given = (code.encode("ascii"), proposal.lookup_tag, proposal.verify_key, proposal.box_key)
    return seal(Kind.KEEPER_REQUEST, start_key, pack(*given))


def open_proposal(start: BoxKeys, request: bytes) -> tuple[str, Proposal]:
    """The code and the proposal; raises CannotOpen, or Malformed for another body."""
    body = open_sealed(Kind.KEEPER_REQUEST, start, request)
    code, *keys = read_fields(_PROPOSAL, body)
    proposal = Proposal(*keys)
    if proposal.lookup_tag == _NO_TAG or _NO_KEY in {proposal.verify_key, proposal.box_key}:
        raise Malformed("a phrase has keys")
    return code.decode("ascii", errors="replace"), proposal


def sealed_wraps(start_key: bytes, team_wrap: bytes, client_wrap: bytes) -> bytes:
    """Both inner wraps for a page that is let in, on their way to the keeper."""
    return seal(Kind.KEEPER_REQUEST, start_key, pack(team_wrap, client_wrap))


def open_wraps(start: BoxKeys, request: bytes) -> tuple[bytes, bytes]:
    """Both inner wraps; raises CannotOpen, or Malformed for another body."""
    team, client = read_fields(_WRAPS, open_sealed(Kind.KEEPER_REQUEST, start, request))
    for kind, blob in ((Kind.TEAM_WRAP, team), (Kind.CLIENT_WRAP, client)):
        if not blob.startswith(header(kind)):
            raise Malformed("an inner blob is of another kind")
    return team, client
