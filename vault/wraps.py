"""Keys sealed to their readers, and the small sealed things that pass between processes.

Sections 4 and 6 of docs/envelope.md and the proof of docs/keeper.md, section 2. The outer layer
under a shred key is the keeper's (`sealing.outer_seal`); everything here is inside or beside it.

Ids, public keys and epochs that a reader already knows are arguments of each opening: what was
made for another conversation, message, person or epoch raises `CannotOpen` like any other blob.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import Final

from vault.attachment_format import Described, read_list, write_list
from vault.sealing import (
    HASH_SIZE,
    HEADER_SIZE,
    ID_SIZE,
    KEY_SIZE,
    SEED_SIZE,
    SIGNATURE_SIZE,
    TAG_SIZE,
    BoxKeys,
    CannotOpen,
    Kind,
    Malformed,
    Secret,
    SignKeys,
    aead_open,
    aead_seal,
    argon2id,
    box_keys,
    derive,
    equal,
    header,
    labelled,
    labelled_hash,
    mac,
    new_box_keys,
    open_sealed,
    pack,
    seal,
    sign,
    sign_keys,
    unpack,
    verify,
)

PASSWORD_MEMORY_KIB: Final = 65536
PASSWORD_PASSES: Final = 3

_EPOCH_SIZE: Final = 4
_SALT_SIZE: Final = 16
_NONCE_SIZE: Final = 32  # the keeper's, not a cipher's
_NO_KEY: Final = bytes(KEY_SIZE)
_DANGER: Final = 1
_ANSWERS: Final = 2


def _exact(value: bytes, size: int) -> bytes:
    if len(value) != size:
        raise ValueError(f"{size} bytes belong here")
    return value


def _u32(number: int) -> bytes:
    return number.to_bytes(_EPOCH_SIZE, "big")


def _split(data: bytes, *sizes: int) -> list[bytes]:
    """`data` cut into parts of these sizes and what follows them; raises CannotOpen if short."""
    if len(data) < sum(sizes):
        raise CannotOpen
    parts, at = [], 0
    for size in sizes:
        parts.append(data[at : at + size])
        at += size
    parts.append(data[at:])
    return parts


def _texts(data: bytes, count: int | None) -> list[str]:
    try:
        return [part.decode() for part in unpack(data, count)]
    except (Malformed, UnicodeDecodeError):
        raise CannotOpen from None


def _require(*conditions: bool) -> None:
    if not all(conditions):
        raise CannotOpen


# --- conversation keys and their wraps ----------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConversationKeys:
    """A conversation's two X25519 pairs: for messages, and for what only the team may read."""

    messages: BoxKeys
    notes: BoxKeys


def new_conversation_keys() -> ConversationKeys:
    """Random pairs, for the place where the first plaintext appears."""
    return ConversationKeys(new_box_keys(), new_box_keys())


def conversation_keys(csk: Secret, nsk: Secret) -> ConversationKeys:
    """The pairs of two secret keys of 32 bytes."""
    return ConversationKeys(box_keys(csk), box_keys(nsk))


@dataclass(frozen=True, slots=True)
class TeamWrap:
    """What the team needs of a conversation; believed once the keeper's answer has equal keys."""

    conversation_id: bytes = field(repr=False)
    epoch: int
    keys: ConversationKeys
    verify_key: bytes | None = field(repr=False)  # the phrase's Ed25519 key; None: no phrase


def seal_team_wrap(team_box: bytes, wrap: TeamWrap) -> bytes:
    """Kind 0x10, sealed to the team's box key of `wrap.epoch`."""
    body = b"".join(
        (
            _exact(wrap.conversation_id, ID_SIZE),
            _u32(wrap.epoch),
            wrap.keys.messages.secret.reveal(),
            wrap.keys.notes.secret.reveal(),
            _exact(wrap.verify_key or _NO_KEY, KEY_SIZE),
        )
    )
    return seal(Kind.TEAM_WRAP, team_box, body)


def open_team_wrap(team: BoxKeys, blob: bytes, conversation_id: bytes, epoch: int) -> TeamWrap:
    """The wrap of this conversation under this epoch; raises CannotOpen."""
    body = open_sealed(Kind.TEAM_WRAP, team, blob)
    owner, number, csk, nsk, key, rest = _split(
        body, ID_SIZE, _EPOCH_SIZE, KEY_SIZE, KEY_SIZE, KEY_SIZE
    )
    _require(not rest, equal(owner, conversation_id), number == _u32(epoch))
    keys = conversation_keys(Secret(csk), Secret(nsk))
    return TeamWrap(owner, epoch, keys, None if key == _NO_KEY else key)


@dataclass(frozen=True, slots=True)
class ClientWrap:
    """What a returning client gets back: the message keys, and the roster it first met."""

    conversation_id: bytes = field(repr=False)
    messages: BoxKeys
    fingerprint: bytes = field(repr=False)
    head: bytes = field(repr=False)


def seal_client_wrap(phrase_box: bytes, wrap: ClientWrap) -> bytes:
    """Kind 0x11, sealed to the phrase's X25519 key."""
    body = b"".join(
        (
            _exact(wrap.conversation_id, ID_SIZE),
            wrap.messages.secret.reveal(),
            _exact(wrap.fingerprint, HASH_SIZE),
            _exact(wrap.head, HASH_SIZE),
        )
    )
    return seal(Kind.CLIENT_WRAP, phrase_box, body)


def open_client_wrap(phrase: BoxKeys, blob: bytes, conversation_id: bytes) -> ClientWrap:
    """The wrap of this conversation; raises CannotOpen."""
    body = open_sealed(Kind.CLIENT_WRAP, phrase, blob)
    owner, csk, fingerprint, head, rest = _split(body, ID_SIZE, KEY_SIZE, HASH_SIZE, HASH_SIZE)
    _require(not rest, equal(owner, conversation_id))
    return ClientWrap(owner, box_keys(Secret(csk)), fingerprint, head)


# --- for the courier ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """A reply on its way to a messenger: a text, or attachments and no text."""

    conversation_id: bytes = field(repr=False)
    message_id: bytes = field(repr=False)
    epoch: int
    channel: str
    text: str = field(repr=False)
    attachments: tuple[Described, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class OpenedOutboxItem:
    """An item with what is needed to ask whether the team signed it."""

    item: OutboxItem
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def seal_outbox_item(courier_box: bytes, item: OutboxItem, team: SignKeys) -> bytes:
    """Kind 0x12, signed with the team key of `item.epoch`; raises TooLong."""
    named = b"".join(
        (
            _exact(item.conversation_id, ID_SIZE),
            _exact(item.message_id, ID_SIZE),
            _u32(item.epoch),
        )
    )
    texts = [item.channel, item.text]
    if item.attachments:
        texts.append(write_list(item.attachments))
    text = pack(*(one.encode() for one in texts))
    signature = sign(team, "outbox", courier_box + named + text)
    return seal(Kind.OUTBOX, courier_box, named + signature + text, padded=True)


def open_outbox_item(
    courier: BoxKeys, blob: bytes, conversation_id: bytes, message_id: bytes
) -> OpenedOutboxItem:
    """The item of this message; raises CannotOpen. Nothing is sent before it is verified."""
    body = open_sealed(Kind.OUTBOX, courier, blob, padded=True)
    owner, message, epoch, signature, text = _split(
        body, ID_SIZE, ID_SIZE, _EPOCH_SIZE, SIGNATURE_SIZE
    )
    _require(equal(owner, conversation_id), equal(message, message_id))
    channel, words, *lists = _outbox_texts(text)
    attachments = tuple(one for named in lists for one in read_list(named))
    item = OutboxItem(owner, message, int.from_bytes(epoch, "big"), channel, words, attachments)
    return OpenedOutboxItem(item, courier.public + owner + message + epoch + text, signature)


def _outbox_texts(packed: bytes) -> list[str]:
    """Channel and text; or channel, nothing and a list of attachments. Raises CannotOpen."""
    texts = _texts(packed, None)
    words_at, list_at = 1, 2
    _require(len(texts) > words_at, len(texts) <= list_at + 1)
    _require(len(texts) == list_at or not texts[words_at])
    return texts


def is_outbox_item_verified(opened: OpenedOutboxItem, team_sign: bytes) -> bool:
    """Whether the owner of this Ed25519 key signed it; the caller takes the current epoch's."""
    return verify(team_sign, opened.signature, "outbox", opened.signed)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a messenger client can be reached.

    When it is safe to, the keeper says: an older sealing would bring older hours back.
    """

    conversation_id: bytes = field(repr=False)
    channel: str
    address: str = field(repr=False)
    safe_hours: str = field(repr=False)  # empty; a part of the layout


def seal_address(courier_box: bytes, address: Address) -> bytes:
    """Kind 0x13, sealed to the courier."""
    texts = (address.channel.encode(), address.address.encode(), address.safe_hours.encode())
    body = _exact(address.conversation_id, ID_SIZE) + pack(*texts)
    return seal(Kind.ADDRESS, courier_box, body, padded=True)


def open_address(courier: BoxKeys, blob: bytes, conversation_id: bytes) -> Address:
    """The address of this conversation; raises CannotOpen."""
    body = open_sealed(Kind.ADDRESS, courier, blob, padded=True)
    owner, texts = _split(body, ID_SIZE)
    _require(equal(owner, conversation_id))
    return Address(owner, *_texts(texts, 3))


def address_tag(courier_seed: Secret, channel: str, address: str) -> bytes:
    """The 32 bytes by which the courier alone finds an address again."""
    return mac(derive(courier_seed, "address"), pack(channel.encode(), address.encode()))


# --- for the caretaker --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ScreeningCopy:
    """A message as it travels to screening; kept nowhere."""

    conversation_id: bytes = field(repr=False)
    message_id: bytes = field(repr=False)
    danger: bool
    text: str = field(repr=False)
    language_hint: str  # may be empty
    is_answers: bool = False  # to optional questions, and not words of the client's own


def seal_screening_copy(screening_key: bytes, copy: ScreeningCopy) -> bytes:
    """Kind 0x40, sealed to the key that the caretaker made at its start; raises TooLong."""
    body = b"".join(
        (
            _exact(copy.conversation_id, ID_SIZE),
            _exact(copy.message_id, ID_SIZE),
            bytes((_DANGER * copy.danger | _ANSWERS * copy.is_answers,)),
            pack(copy.text.encode(), copy.language_hint.encode()),
        )
    )
    return seal(Kind.SCREENING, screening_key, body, padded=True)


def open_screening_copy(screening: BoxKeys, blob: bytes) -> ScreeningCopy:
    """The copy; which conversation it is for stands inside. Raises CannotOpen."""
    body = open_sealed(Kind.SCREENING, screening, blob, padded=True)
    owner, message, flags, texts = _split(body, ID_SIZE, ID_SIZE, 1)
    _require(flags[0] <= _DANGER | _ANSWERS)
    text, hint = _texts(texts, 2)
    danger, is_answers = bool(flags[0] & _DANGER), bool(flags[0] & _ANSWERS)
    return ScreeningCopy(owner, message, danger, text, hint, is_answers)


def sign_screening_key(caretaker: SignKeys, screening_key: bytes) -> bytes:
    """The signature with which a new screening key is handed out."""
    return sign(caretaker, "screening", _exact(screening_key, KEY_SIZE))


def is_screening_key_verified(
    caretaker_sign: bytes, screening_key: bytes, signature: bytes
) -> bool:
    """Whether the caretaker of the roster made this screening key."""
    return len(screening_key) == KEY_SIZE and verify(
        caretaker_sign, signature, "screening", screening_key
    )


# --- seeds of people, teams and processes -------------------------------------------------


@dataclass(frozen=True, slots=True)
class KeyPairs:
    """Somebody's two pairs: to be sealed to, and to sign."""

    box: BoxKeys
    sign: SignKeys


def staff_keys(seed: Secret) -> KeyPairs:
    """A person's pairs from the seed of 32 bytes."""
    return KeyPairs(box_keys(derive(seed, "staff/box")), sign_keys(derive(seed, "staff/sign")))


def team_keys(seed: Secret) -> KeyPairs:
    """A team epoch's pairs from its seed."""
    return KeyPairs(box_keys(derive(seed, "team/box")), sign_keys(derive(seed, "team/sign")))


def courier_keys(seed: Secret) -> KeyPairs:
    """The courier's pairs from the seed in its own file."""
    return KeyPairs(box_keys(derive(seed, "courier/box")), sign_keys(derive(seed, "courier/sign")))


def caretaker_keys(seed: Secret) -> SignKeys:
    """The caretaker's signing pair from the seed in its own file."""
    return sign_keys(derive(seed, "caretaker/sign"))


def _staff_associated(staff_id: bytes) -> bytes:
    return labelled("staff", header(Kind.STAFF_WRAP) + _exact(staff_id, ID_SIZE))


def seal_staff_wrap(
    wrapping_key: Secret, staff_id: bytes, seed: Secret, *, nonce: bytes | None = None
) -> bytes:
    """Kind 0x14: a person's seed under the half of the password that is never sent."""
    sealed = aead_seal(wrapping_key, _staff_associated(staff_id), seed.reveal(), nonce=nonce)
    return header(Kind.STAFF_WRAP) + sealed


def open_staff_wrap(wrapping_key: Secret, staff_id: bytes, blob: bytes) -> Secret:
    """The person's seed; raises CannotOpen."""
    _require(blob.startswith(header(Kind.STAFF_WRAP)))
    seed = aead_open(wrapping_key, _staff_associated(staff_id), blob[HEADER_SIZE:])
    _require(len(seed) == SEED_SIZE)
    return Secret(seed)


def seal_grant(member_box: bytes, epoch: int, seed: Secret) -> bytes:
    """Kind 0x30: a team epoch's seed for one member."""
    return seal(Kind.GRANT, member_box, _u32(epoch) + seed.reveal())


def open_grant(member: BoxKeys, blob: bytes, epoch: int) -> Secret:
    """The seed of this epoch; raises CannotOpen.

    Believed only once `team_keys` of it equal the roster's public keys.
    """
    return _open_seed(Kind.GRANT, member, blob, epoch)


def seal_earlier_seed(next_team_box: bytes, epoch: int, seed: Secret) -> bytes:
    """Kind 0x31: the seed of `epoch` for whoever holds the next one."""
    return seal(Kind.EARLIER_SEED, next_team_box, _u32(epoch) + seed.reveal())


def open_earlier_seed(next_team: BoxKeys, blob: bytes, epoch: int) -> Secret:
    """The seed of this earlier epoch, to be compared with the roster; raises CannotOpen."""
    return _open_seed(Kind.EARLIER_SEED, next_team, blob, epoch)


def _open_seed(kind: Kind, keys: BoxKeys, blob: bytes, epoch: int) -> Secret:
    number, seed, rest = _split(open_sealed(kind, keys, blob), _EPOCH_SIZE, SEED_SIZE)
    _require(not rest, number == _u32(epoch))
    return Secret(seed)


# --- passwords and proofs -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PasswordParts:
    """The two halves of a password's derivation, 32 bytes each."""

    authentication: Secret  # sent to the keeper
    wrapping: Secret  # never sent


def password_parts(password: str, salt: bytes) -> PasswordParts:
    """Both halves; 64 MiB and about a second. No server process ever calls it."""
    both = argon2id(
        Secret(unicodedata.normalize("NFKC", password).encode()),
        _exact(salt, _SALT_SIZE),
        memory_kib=PASSWORD_MEMORY_KIB,
        passes=PASSWORD_PASSES,
        size=2 * KEY_SIZE,
    ).reveal()
    return PasswordParts(Secret(both[:KEY_SIZE]), Secret(both[KEY_SIZE:]))


def login_tag(name: str) -> bytes:
    """The 16 bytes by which the keeper finds a person; case and outer spaces do not matter."""
    plain = unicodedata.normalize("NFKC", name).lower().strip(" ")
    return labelled_hash("login", plain.encode())[:TAG_SIZE]


def proof_message(
    nonce: bytes, verb: int, signed_arguments: tuple[bytes, ...], reply_key: bytes
) -> bytes:
    """What a proof for the keeper signs under the label `proof`: this request and no other."""
    arguments = labelled_hash("arguments", pack(*signed_arguments))
    return b"".join(
        (_exact(nonce, _NONCE_SIZE), bytes((verb,)), arguments, _exact(reply_key, KEY_SIZE))
    )


def sign_proof(
    keys: SignKeys,
    nonce: bytes,
    verb: int,
    signed_arguments: tuple[bytes, ...],
    reply_key: bytes,
) -> bytes:
    """The client's or staff member's proof (64 bytes) for one request to the keeper."""
    return sign(keys, "proof", proof_message(nonce, verb, signed_arguments, reply_key))


def is_proof_verified(
    public: bytes,
    signature: bytes,
    nonce: bytes,
    verb: int,
    signed_arguments: tuple[bytes, ...],
    reply_key: bytes,
) -> bool:
    """Whether the owner of the Ed25519 key `public` made this proof."""
    if len(nonce) != _NONCE_SIZE or len(reply_key) != KEY_SIZE:
        return False
    message = proof_message(nonce, verb, signed_arguments, reply_key)
    return verify(public, signature, "proof", message)
