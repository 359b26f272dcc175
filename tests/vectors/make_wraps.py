"""Vectors of wraps, outbox items, addresses, screening copies, seeds, passwords and proofs."""

import hashlib
import unicodedata

import make_attachments
from fixed import (
    PREFIX,
    aead,
    box_public,
    damage,
    derived,
    fixed,
    hashed,
    header,
    pack,
    sealed,
    sign_public,
    signature,
    u32,
)
from nacl import bindings as sodium

CONVERSATION = fixed("conversation", 16)
MESSAGE = fixed("message", 16)
OTHER = fixed("other", 16)
CSK, NSK = fixed("csk"), fixed("nsk")
READER = fixed("reader secret")
PUBLIC = box_public(READER)
TEAM_SEED = fixed("team signer")
LIST = make_attachments.make()["lists"][0].encode()


def make():
    good = {
        "team_wrap": _team_wraps(),
        "client_wrap": _client_wraps(),
        "outbox": _outbox(),
        "address": _addresses(),
        "screening": _screening(),
        "staff_wrap": _staff_wraps(),
        "grant": _seeds(0x30, 3),
        "earlier_seed": _seeds(0x31, 2),
    }
    return {
        "good": {**good, **_others()},
        "not_verified": _not_verified(good),
        "refused": {name: _refused(name, cases) for name, cases in good.items()},
    }


def _team_wraps():
    made = []
    for epoch, verify_key in ((1, sign_public(fixed("phrase sign"))), (2**32 - 1, None)):
        body = CONVERSATION + u32(epoch) + CSK + NSK + (verify_key or bytes(32))
        made.append(
            {
                "secret": READER,
                "conversation_id": CONVERSATION,
                "epoch": epoch,
                "csk": CSK,
                "nsk": NSK,
                "cpk": box_public(CSK),
                "npk": box_public(NSK),
                "verify_key": verify_key,
                "blob": sealed(f"team {epoch}", 0x10, PUBLIC, body),
            }
        )
    return made


def _client_wraps():
    fingerprint, head = fixed("fingerprint"), fixed("head")
    return [
        {
            "secret": READER,
            "conversation_id": CONVERSATION,
            "csk": CSK,
            "cpk": box_public(CSK),
            "fingerprint": fingerprint,
            "head": head,
            "blob": sealed("client", 0x11, PUBLIC, CONVERSATION + CSK + fingerprint + head),
        }
    ]


def _outbox_blob(name, *, epoch=4, texts=None, to=PUBLIC, after=b""):
    named = CONVERSATION + MESSAGE + u32(epoch)
    body = pack(*(texts or (b"signal", "We are here. 🌱".encode())))
    signed = signature(TEAM_SEED, "outbox", to + named + body)
    return sealed(name, 0x12, PUBLIC, named + signed + body + after, pads=True)


def _outbox():
    return [
        {
            "secret": READER,
            "conversation_id": CONVERSATION,
            "message_id": MESSAGE,
            "epoch": 4,
            "channel": "signal",
            "text": "We are here. 🌱",
            "signer_seed": TEAM_SEED,
            "signer_public": sign_public(TEAM_SEED),
            "blob": _outbox_blob("outbox"),
        },
        {
            "secret": READER,
            "conversation_id": CONVERSATION,
            "message_id": MESSAGE,
            "epoch": 4,
            "channel": "signal",
            "text": "",
            "attachments": LIST.decode(),
            "signer_seed": TEAM_SEED,
            "signer_public": sign_public(TEAM_SEED),
            "blob": _outbox_blob("attachments", texts=(b"signal", b"", LIST)),
        },
    ]


def _addresses():
    channel, address, hours = "signal", "+49 151 000000", "Mo-Fr 9-17"
    body = CONVERSATION + pack(channel.encode(), address.encode(), hours.encode())
    return [
        {
            "secret": READER,
            "conversation_id": CONVERSATION,
            "channel": channel,
            "address": address,
            "safe_hours": hours,
            "blob": sealed("address", 0x13, PUBLIC, body, pads=True),
        }
    ]


def _screening_blob(name, flags, texts):
    body = CONVERSATION + MESSAGE + bytes([flags]) + pack(*texts)
    return sealed(name, 0x40, PUBLIC, body, pads=True)


def _screening():
    return [
        {
            "secret": READER,
            "conversation_id": CONVERSATION,
            "message_id": MESSAGE,
            "danger": flags & 1 == 1,
            "is_answers": flags & 2 == 2,
            "text": text,
            "language_hint": hint,
            "blob": _screening_blob(f"copy {hint}", flags, (text.encode(), hint.encode())),
        }
        for flags, text, hint in (
            (0, "hello", ""),
            (1, "مساعدة", "ar"),
            (2, "1 papers=yes", "en"),
            (3, "1", "fr"),
        )
    ]


def _staff_wraps():
    key, staff, seed = fixed("wrapping"), fixed("staff", 16), fixed("staff seed")
    nonce = fixed("staff nonce", 24)
    associated = PREFIX + b"staff\0" + header(0x14) + staff
    return [
        {
            "wrapping_key": key,
            "staff_id": staff,
            "seed": seed,
            "nonce": nonce,
            "blob": header(0x14) + aead(key, nonce, associated, seed),
        }
    ]


def _seeds(kind, epoch):
    seed = fixed(f"seed {kind}")
    return [
        {
            "secret": READER,
            "epoch": epoch,
            "seed": seed,
            "blob": sealed(f"seed {kind}", kind, PUBLIC, u32(epoch) + seed),
        }
    ]


# --- what is not sealed -------------------------------------------------------------------


def _proposals():
    made = []
    for name, code in (("page", "0123456789"), ("another page", "9876543210")):
        tag = fixed(f"{name} tag", 16)
        verify, box = sign_public(fixed(f"{name} sign")), box_public(fixed(f"{name} box"))
        digest = hashed("page-keys", pack(tag, verify, box))
        named = hashed("page-number", pack(code.encode(), digest))
        slow = sodium.crypto_pwhash_alg(
            32, named, b"havenline-number", 1, 8 << 20, sodium.crypto_pwhash_ALG_ARGON2ID13
        )
        number = f"{int.from_bytes(slow[:8], 'big') % 10**10:010}"
        keys = {"lookup_tag": tag, "verify_key": verify, "box_key": box}
        made.append(keys | {"hash": digest, "code": code, "number": number})
    return made


def _others():
    seed, key = fixed("seed"), fixed("screening key")
    channel, address = "matrix", "@a:example.org"
    caretaker = derived(seed, "caretaker/sign")
    return {
        "proposal": _proposals(),
        "address_tag": [
            {
                "courier_seed": seed,
                "channel": channel,
                "address": address,
                "tag": hashlib.blake2b(
                    pack(channel.encode(), address.encode()),
                    digest_size=32,
                    key=derived(seed, "address"),
                ).digest(),
            }
        ],
        "screening_key": [
            {
                "key": key,
                "signer_seed": caretaker,
                "signer_public": sign_public(caretaker),
                "signature": signature(caretaker, "screening", key),
            }
        ],
        "key_pairs": [
            {
                "whose": whose,
                "seed": seed,
                "box_public": box_public(derived(seed, f"{whose}/box")),
                "sign_public": sign_public(derived(seed, f"{whose}/sign")),
            }
            for whose in ("staff", "team", "courier")
        ],
        "caretaker_keys": [{"seed": seed, "sign_public": sign_public(caretaker)}],
        "password": [_password("pass ﬁ word Å", fixed("salt", 16))],
        "login_tag": [
            {"name": name, "tag": hashed("login", plain.encode())[:16]}
            for name, plain in (
                ("mara", "mara"),
                ("  MARA ", "mara"),
                ("Ｍara\u00a0", "mara"),
                ("İpek Öz", "i\u0307pek öz"),
                ("амаль", "амаль"),
            )
        ],
        "proof": [_proof(0x12, (fixed("tag", 16),)), _proof(0x45, (b"", u32(1)))],
    }


def _password(password, salt):
    plain = unicodedata.normalize("NFKC", password).encode()
    both = sodium.crypto_pwhash_alg(
        64, plain, salt, 3, 64 * 1024 * 1024, sodium.crypto_pwhash_ALG_ARGON2ID13
    )
    return {"password": password, "salt": salt, "authentication": both[:32], "wrapping": both[32:]}


def _proof(verb, signed_arguments):
    seed, nonce, reply = fixed("prover"), fixed("keeper nonce"), fixed("reply key")
    message = nonce + bytes([verb]) + hashed("arguments", pack(*signed_arguments)) + reply
    return {
        "signer_seed": seed,
        "signer_public": sign_public(seed),
        "nonce": nonce,
        "verb": verb,
        "signed_arguments": signed_arguments,
        "reply_key": reply,
        "signature": signature(seed, "proof", message),
    }


# --- refusals -----------------------------------------------------------------------------


def _not_verified(good):
    other = sign_public(fixed("other signer"))
    moved = _outbox_blob("moved", to=box_public(fixed("other courier")))
    case = good["outbox"][0]
    return {
        "outbox": [
            {"why": "another team key", "of": 0, "set": {"signer_public": other}},
            {"why": "signed for another courier", "of": 0, "set": {"blob": moved}},
        ],
        "screening_key": [
            {"why": "another caretaker", "of": 0, "set": {"signer_public": other}},
            {"why": "another key", "of": 0, "set": {"key": fixed("another key")}},
            {"why": "key cut short", "of": 0, "set": {"key": fixed("screening key")[:31]}},
        ],
        "proof": [
            {"why": "another prover", "of": 0, "set": {"signer_public": other}},
            {"why": "another nonce", "of": 0, "set": {"nonce": fixed("another nonce")}},
            {"why": "another verb", "of": 0, "set": {"verb": 0x13}},
            {"why": "other arguments", "of": 0, "set": {"signed_arguments": [OTHER]}},
            {"why": "another reply key", "of": 0, "set": {"reply_key": fixed("another reply")}},
            {"why": "outbox signature", "of": 0, "set": {"signature": case["blob"][:64]}},
        ],
    }


def _refused(name, cases):
    """What every kind refuses, then what this one does."""
    own = "wrapping_key" if name == "staff_wrap" else "secret"
    step = 49 if len(cases[0]["blob"]) > 500 else 7
    return [
        {"why": "another key", "of": 0, "set": {own: fixed("other key")}},
        *[
            {"why": f"another {argument}", "of": 0, "set": {argument: value}}
            for argument, value in (
                ("conversation_id", OTHER),
                ("message_id", OTHER),
                ("staff_id", OTHER),
                ("epoch", 9),
            )
            if argument in cases[0] and (name, argument) not in _NOT_EXPECTED
        ],
        *[{"why": why, "of": 0, "set": {"blob": blob}} for why, blob in _wrong_inside(name)],
        *damage(0, cases[0]["blob"], step=step),
    ]


# Arguments that a reader learns from the blob instead of knowing them.
_NOT_EXPECTED = {
    ("outbox", "epoch"),
    ("screening", "conversation_id"),
    ("screening", "message_id"),
}


def _wrong_inside(name):
    def blob(kind, body, **how):
        return sealed(f"wrong {name}", kind, PUBLIC, body, **how)

    if name == "team_wrap":
        body = CONVERSATION + u32(1) + CSK + NSK + bytes(32)
        return [("too long", blob(0x10, body + b"\0")), ("too short", blob(0x10, body[:-1]))]
    if name == "client_wrap":
        body = CONVERSATION + CSK + bytes(64)
        return [("too long", blob(0x11, body + b"\0")), ("too short", blob(0x11, body[:-1]))]
    if name == "outbox":
        return [
            ("not UTF-8", _outbox_blob("bad", texts=(b"signal", b"\xff"))),
            ("three texts", _outbox_blob("three", texts=(b"signal", b"", b""))),
            ("four texts", _outbox_blob("four", texts=(b"signal", b"", LIST, b""))),
            ("words and a list", _outbox_blob("both", texts=(b"signal", b"We", LIST))),
            ("no text", _outbox_blob("none", texts=(b"signal",))),
            ("more behind", _outbox_blob("more", after=b"\0")),
            ("too short", blob(0x12, CONVERSATION + MESSAGE, pads=True)),
        ]
    if name == "address":
        two = CONVERSATION + pack(b"signal", b"+49")
        bad = CONVERSATION + pack(b"signal", b"\xff", b"")
        return [
            ("two texts", blob(0x13, two, pads=True)),
            ("not UTF-8", blob(0x13, bad, pads=True)),
            ("not padded", blob(0x13, two)),
        ]
    if name == "screening":
        return [
            ("unknown flag", _screening_blob("flag", 4, (b"a", b""))),
            ("one text", _screening_blob("one", 0, (b"a",))),
            ("not UTF-8", _screening_blob("bad", 0, (b"\xff", b""))),
        ]
    if name == "staff_wrap":
        associated = PREFIX + b"staff\0" + header(0x14) + fixed("staff", 16)
        short = aead(fixed("wrapping"), fixed("n", 24), associated, bytes(31))
        return [("a seed of 31 bytes", header(0x14) + short)]
    kind = 0x30 if name == "grant" else 0x31
    body = u32(3 if name == "grant" else 2) + bytes(32)
    return [
        ("too long", blob(kind, body + b"\0")),
        ("too short", blob(kind, body[:-1])),
        ("the other sort of seed", sealed("swapped", kind ^ 1, PUBLIC, body)),
    ]
