"""The bodies of the desk's requests about the office; see `intake_server.desk.bodies`."""

from typing import Annotated

import msgspec

from intake_server.desk.bodies import Blob, Body, Epoch, Id, Proved, Signature, Sized
from vault.keeper_protocol import REFERENCE_SIZE
from vault.organisation import MAX_BODY


class SignedText(Sized):
    """Details as they were signed."""

    least = 2
    most = MAX_BODY


class SlotReference(Sized):
    """Where the keeper keeps a conversation."""

    least = most = REFERENCE_SIZE


class Save(Proved, frozen=True):
    """The next version of the details, signed in the admin's browser; the keeper pins it.

    `signed` is the signature over the version; the three of the proof are for the keeper.
    """

    number: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
    body: SignedText
    signed: Signature


class CopyOf(Body, frozen=True):
    """The copy that every backup made now holds of one conversation."""

    conversation: Id


class CopyOpen(Proved, frozen=True):
    """Opening such a copy: what the keeper is asked is in it, whatever the database says now."""

    reference: SlotReference
    epoch: Epoch
    outer: Blob
