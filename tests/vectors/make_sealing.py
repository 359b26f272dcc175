"""Vectors of fields, hashes, signatures and seals."""

import hashlib

from fixed import (
    BUCKETS,
    IDENTITY,
    LOW_ORDER_BOX,
    PREFIX,
    aead,
    box_public,
    damage,
    derived,
    fixed,
    hashed,
    header,
    pack,
    padded,
    sealed,
    sealed_box,
    sign_public,
    signature,
    u32,
    under_small_key,
    with_large_s,
    with_small_r,
)


def make():
    seals = _seals()
    aeads = _aeads()
    outers = _outers()
    signatures = _signatures()
    good = {**_fields(), "sign": signatures, "seal": seals, "aead": aeads, "outer": outers}
    refused = {
        **_refused_fields(),
        "verify": _refused_signatures(signatures[0]),
        "seal_to": [{"why": "low-order key", "public": public} for public in LOW_ORDER_BOX],
        "seal": _refused_seals(seals),
        "aead": _refused_aeads(aeads),
        "outer": _refused_outers(outers),
    }
    return {"good": good, "refused": refused}


def _fields():
    lists = [[], [b""], [b"a", b"", b"bc"], [fixed("field", 300)]]
    labels = [("check", b""), ("roster", fixed("message", 200)), ("finding", b"\0")]
    key = fixed("derive")
    sizes = [0, 1, 511, 512, 1023, 1024, 16383]
    secrets = [fixed("box"), bytes(32), b"\xff" * 32]
    seeds = [fixed("sign"), bytes(32)]
    return {
        "pack": [{"fields": fields, "packed": pack(*fields)} for fields in lists],
        "hash": [{"label": a, "message": b, "hash": hashed(a, b)} for a, b in labels],
        "derive": [
            {"key": key, "label": label, "derived": derived(key, label)}
            for label in ("outer", "phrase/box", "form/csk")
        ],
        "mac": [
            {
                "key": key,
                "message": b"m",
                "size": size,
                "mac": hashlib.blake2b(b"m", digest_size=size, key=key).digest(),
            }
            for size in (16, 32, 64)
        ],
        "pad": [
            {"size": size, "bucket": next(bucket for bucket in BUCKETS if bucket > size)}
            for size in sizes
        ],
        "box_keys": [{"secret": secret, "public": box_public(secret)} for secret in secrets],
        "sign_keys": [{"seed": seed, "public": sign_public(seed)} for seed in seeds],
        "reader": [
            {
                "role": role,
                "detail": detail,
                "reader": hashed("reader", pack(role.encode(), detail)),
            }
            for role, detail in (("team", u32(3)), ("client", fixed("tag", 16)))
        ],
    }


def _refused_fields():
    two = pack(b"ab", b"c")
    return {
        "unpack": [
            {"why": "fewer fields", "data": two, "count": 3},
            {"why": "more fields", "data": two, "count": 1},
            {"why": "a byte left over", "data": two + b"\0", "count": 2},
            {"why": "a length left over", "data": two + bytes(3), "count": 2},
            {"why": "cut short", "data": two[:-1], "count": 2},
            {"why": "a length that overruns", "data": u32(2**32 - 1), "count": 1},
        ],
        "unpad": [
            {"why": "another length", "padded": padded(b"a")[:-1]},
            {"why": "empty", "padded": b""},
            {"why": "no mark", "padded": bytes(512)},
            {"why": "another mark", "padded": padded(b"a", b"\x81")},
            {"why": "bytes after the mark", "padded": padded(b"a")[:-1] + b"\1"},
        ],
        "pad": [{"why": "longer than the largest bucket", "size": 16384}],
    }


def _signatures():
    seed = fixed("sign")
    return [
        {
            "seed": seed,
            "public": sign_public(seed),
            "label": "proof",
            "message": message,
            "signature": signature(seed, "proof", message),
        }
        for message in (b"", fixed("message", 100))
    ]


def _refused_signatures(good):
    seed, message = good["seed"], good["message"]
    case = {key: good[key] for key in ("public", "label", "message", "signature")}
    other = sign_public(fixed("other"))
    prime = 2**255 - 19
    large = (prime + 1).to_bytes(32, "little")
    signed = bytearray(IDENTITY)
    signed[31] |= 0x80
    mine = good["signature"]
    flipped = [
        {**case, "why": f"bit flipped in byte {at}", "signature": _flip(mine, at)}
        for at in range(0, 64, 7)
    ]
    return [
        {**case, "why": "another label", "label": "roster-sign"},
        {**case, "why": "another message", "message": b"x"},
        {**case, "why": "another key", "public": other},
        {**case, "why": "no signature", "signature": b""},
        {**case, "why": "cut short", "signature": mine[:-1]},
        {**case, "why": "one byte more", "signature": mine + b"\0"},
        {**case, "why": "zeros", "signature": bytes(64)},
        {**case, "why": "key cut short", "public": good["public"][:-1]},
        {**case, "why": "S is not canonical", "signature": with_large_s(mine)},
        {**case, "why": "key of small order", "public": IDENTITY, "signature": under_small_key()},
        {**case, "why": "key not canonical", "public": large, "signature": under_small_key()},
        {**case, "why": "R of small order", "signature": with_small_r(seed, "proof", message)},
        {
            **case,
            "why": "R not canonical",
            "signature": with_small_r(seed, "proof", message, large),
        },
        {
            **case,
            "why": "R not canonical in its sign",
            "signature": with_small_r(seed, "proof", message, bytes(signed)),
        },
        *flipped,
    ]


def _flip(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def _seals():
    secret = fixed("box")
    public = box_public(secret)
    wanted = [(0x10, False, b""), (0x30, False, fixed("seed", 36)), (0x40, True, b"text")]
    return [
        {
            "kind": kind,
            "secret": secret,
            "public": public,
            "padded": pads,
            "body": body,
            "blob": sealed(f"seal {kind}", kind, public, body, pads=pads),
        }
        for kind, pads, body in wanted
    ]


def _refused_seals(seals):
    plain, pads = seals[1], seals[2]
    public = plain["public"]
    relabelled = sealed("relabelled", 0x30, public, plain["body"], inner_kind=0x31)
    newer = header(0x30) + sealed_box("newer", public, b"\2\1\x30" + plain["body"])
    bare = header(0x30) + sealed_box("bare", public, b"")
    low = [
        {
            "why": "box from a low-order point",
            "of": 1,
            "set": {"blob": header(0x30) + point + plain["blob"][35:]},
        }
        for point in LOW_ORDER_BOX
    ]
    unmarked = sealed("unmarked", 0x40, public, b"text", pads=True, mark=b"\x81")
    unpadded = sealed("unpadded", 0x40, public, b"text")
    return [
        {"why": "another key", "of": 1, "set": {"secret": fixed("other")}},
        {"why": "asked as another kind", "of": 1, "set": {"kind": 0x31}},
        {
            "why": "kind changed outside",
            "of": 1,
            "set": {"kind": 0x31, "blob": header(0x31) + plain["blob"][3:]},
        },
        {"why": "another kind inside", "of": 1, "set": {"blob": relabelled}},
        {"why": "another version inside", "of": 1, "set": {"blob": newer}},
        {"why": "nothing inside", "of": 1, "set": {"blob": bare}},
        {"why": "another mark of padding", "of": 2, "set": {"blob": unmarked}},
        {"why": "not padded", "of": 2, "set": {"blob": unpadded}},
        *low,
        *damage(1, plain["blob"]),
        *damage(2, pads["blob"], step=49),
    ]


def _aeads():
    key, nonce = fixed("aead"), fixed("nonce", 24)
    cases = [(b"", b"associated"), (fixed("plain", 70), b"")]
    return [
        {
            "key": key,
            "associated": associated,
            "nonce": nonce,
            "plain": plain,
            "blob": aead(key, nonce, associated, plain),
        }
        for plain, associated in cases
    ]


def _refused_aeads(aeads):
    blob = aeads[1]["blob"]
    return [
        {"why": "another key", "of": 1, "set": {"key": fixed("other")}},
        {"why": "other associated data", "of": 0, "set": {"associated": b"associates"}},
        *[
            {"why": f"bit flipped in byte {at}", "of": 1, "flip": at}
            for at in range(0, len(blob), 7)
        ],
        *[{"why": f"cut to {at} bytes", "of": 1, "truncate": at} for at in (0, 23, 24, 39, 40, 90)],
    ]


def _outers():
    s, owner = fixed("shred"), fixed("conversation", 16)
    cases = [(0x10, "team", u32(1)), (0x11, "client", fixed("tag", 16))]
    made = []
    for kind, role, detail in cases:
        reader = hashed("reader", pack(role.encode(), detail))
        head = header(0x20) + bytes([kind])
        associated = PREFIX + b"outer\0" + head + owner + reader
        inner = fixed(f"inner {kind}", 60)
        blob = head + aead(derived(s, "outer"), fixed("outer nonce", 24), associated, inner)
        made.append(
            {
                "s": s,
                "inner_kind": kind,
                "owner": owner,
                "reader": reader,
                "inner": inner,
                "blob": blob,
            }
        )
    return made


def _refused_outers(outers):
    first, second = outers
    moved = first["blob"][:3] + b"\x11" + first["blob"][4:]
    return [
        {"why": "another shred key", "of": 0, "set": {"s": fixed("other")}},
        {"why": "another conversation", "of": 0, "set": {"owner": fixed("other", 16)}},
        {"why": "another reader", "of": 0, "set": {"reader": second["reader"]}},
        {"why": "another inner kind", "of": 0, "set": {"inner_kind": 0x11}},
        {"why": "inner kind changed", "of": 0, "set": {"inner_kind": 0x11, "blob": moved}},
        *damage(0, first["blob"]),
    ]
