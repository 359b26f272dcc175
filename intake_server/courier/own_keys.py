"""The courier's keys, and what it makes of them: all from the one seed in its own file."""

from dataclasses import dataclass, field

from vault.envelope import (
    MAX_NUMBER,
    Direction,
    Envelope,
    Format,
    Origin,
    Text,
    encode_body,
)
from vault.sealing import (
    ID_SIZE,
    BoxKeys,
    Secret,
    SignKeys,
    aead_open,
    aead_seal,
    derive,
    mac,
    pack,
    random_bytes,
)
from vault.wraps import address_tag, courier_keys


@dataclass(frozen=True, slots=True)
class OwnKeys:
    """Box and signing pair, and the keyed hashes that nobody else can compute."""

    seed: Secret
    box: BoxKeys
    sign: SignKeys

    @classmethod
    def of(cls, seed: Secret) -> "OwnKeys":
        """All keys of a seed."""
        pairs = courier_keys(seed)
        return cls(seed, pairs.box, pairs.sign)

    def address_tag(self, channel: str, address: str) -> bytes:
        """What the keeper finds an address by."""
        return address_tag(self.seed, channel, address)

    def identity_passphrase(self, channel: str) -> str:
        """Under what the kept identity of a channel's account is encrypted."""
        return mac(derive(self.seed, "identity"), channel.encode()).hex()

    def channel_key(self, channel: str) -> bytes:
        """A key of 32 bytes for what a channel itself keeps."""
        return mac(derive(self.seed, "channel"), channel.encode())

    def box_for(self, channel: str) -> "ChannelBox":
        """What seals a channel's records, for it alone."""
        return ChannelBox(Secret(self.channel_key(channel)), channel.encode())

    def transport_hash(self, channel: str, address: str, transport_id: str) -> bytes:
        """What the database remembers an arrived message by (32 bytes).

        With the address, since on some networks the sender chooses the id: two people may choose
        the same one.
        """
        named = pack(channel.encode(), address.encode(), transport_id.encode())
        return mac(derive(self.seed, "inbox"), named)

    def words_hash(self, transport: bytes) -> bytes:
        """The same for the words of a message, where its attachments are stored after them."""
        return mac(derive(self.seed, "inbox/words"), transport)

    def notice_hash(self, transport: bytes) -> bytes:
        """The same for what is told of a message beside what it asks for."""
        return mac(derive(self.seed, "inbox/notice"), transport)


@dataclass(frozen=True, slots=True)
class ChannelBox:
    """Seals a channel's own records with a key that the channel does not see."""

    _key: Secret
    _channel: bytes

    def seal(self, plain: bytes) -> bytes:
        """Return `plain` sealed."""
        return aead_seal(self._key, self._channel, plain)

    def open(self, sealed: bytes) -> bytes:
        """Return what was sealed; raises CannotOpen."""
        return aead_open(self._key, self._channel, sealed)


@dataclass(slots=True)
class Writer:
    """Whose hand an envelope is of: a random id, and how many envelopes it has written."""

    id: bytes = field(default_factory=lambda: random_bytes(ID_SIZE), repr=False)
    written: int = 0

    def writes(self, conversation_id: bytes, place: int, text: str, at: int) -> Envelope:
        """Return what a client wrote at `at` (seconds), as the next envelope but `place` - 1."""
        return Envelope(
            conversation_id=conversation_id,
            message_id=random_bytes(ID_SIZE),
            writer_id=self.id,
            counter=self.written + place,
            direction=Direction.CLIENT_TO_TEAM,
            origin=Origin.COURIER,
            epoch=0,
            time_ms=min(max(at, 0) * 1000, MAX_NUMBER),
            danger=False,
            format=Format.MESSAGE,
            body=encode_body(Text(text, "")),
        )


class Writers:
    """One writer for each conversation since the start, so that a gap shows a lost message.

    At most `most` are remembered; a conversation that comes back later has a new writer.
    """

    def __init__(self, most: int = 4_096) -> None:
        self._most = most
        self._of: dict[bytes, Writer] = {}

    def of(self, conversation_id: bytes) -> Writer:
        """The writer of a conversation; `written` moves only once envelopes are stored."""
        writer = self._of.pop(conversation_id, None) or Writer()
        self._of[conversation_id] = writer
        if len(self._of) > self._most:
            del self._of[next(iter(self._of))]
        return writer
