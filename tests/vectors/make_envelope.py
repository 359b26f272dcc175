"""Vectors of envelopes: those that open, those that are not verified, those refused; order."""

import struct

from fixed import (
    IDENTITY,
    box_public,
    damage,
    fixed,
    hashed,
    header,
    pack,
    sealed,
    sign_public,
    signature,
    under_small_key,
    with_large_s,
)

CONVERSATION = fixed("conversation", 16)
SECRET = fixed("csk")
PUBLIC = box_public(SECRET)
SEED = fixed("signer")

# kind, direction, origin, epoch, format
COMBINATIONS = (
    (1, 1, 1, 0, 1),
    (1, 1, 2, 0, 1),
    (1, 2, 3, 7, 1),
    (2, 3, 4, 0, 2),
    (2, 4, 3, 1, 3),
    (2, 5, 3, 1, 4),
    (2, 6, 3, 2**32 - 1, 3),
    (1, 1, 1, 0, 5),
    (1, 1, 2, 0, 5),
    (2, 7, 3, 2, 3),
)
TEXTS = (
    ("Can I talk to somebody?", ""),
    ("هل يمكنني التحدث؟ 🌱", "Amal"),
    ("Yes. We are here until nine.", "Mara"),
    ('{"findings":[]}', "de"),
    ("Calm today.", "Mara"),
    ("", "Mara"),
    ("\ufeffplease call back " * 60, "Mara"),
    ("1 papers=yes leaving=partly", "en"),
    ("1", ""),
    (
        (
            '{"category":"debt_bondage","end":9,"of":"AAAAAAAAAAAAAAAAAAAAAA",'
            '"rule":"en.debt.work_off","said":"agreed","start":0,"v":1}'
        ),
        "Mara",
    ),
)
_STRUCT = struct.Struct(">3s16s16s16sQBBIQBBI")


def make():
    good = [_good(i) for i in range(len(COMBINATIONS))]
    return {
        "good": good,
        "not_verified": _not_verified(),
        "refused": _refused(good),
        "max_body": 16384 - 1 - 79 - 64,
        "finding_id": [{"message_id": CONVERSATION, "id": hashed("finding", CONVERSATION)[:16]}],
        "reading": _reading(),
    }


def _content(i=0, **changed):
    kind, direction, origin, epoch, form = COMBINATIONS[i]
    text, name = TEXTS[i]
    values = {
        "kind": kind,
        "conversation_id": CONVERSATION,
        "message_id": fixed(f"message {i}", 16),
        "writer_id": fixed("writer", 16),
        "counter": i + 1,
        "direction": direction,
        "origin": origin,
        "epoch": epoch,
        "time_ms": 1_763_000_000_000 + i,
        "flags": 1 if i == 1 else 0,
        "format": form,
        "body": pack(text.encode(), name.encode()),
    }
    values.update(changed)
    return values


def _plain(content, *, head=None, length=None):
    body = content["body"]
    names = (
        "conversation_id message_id writer_id counter direction origin epoch time_ms flags format"
    )
    return (
        _STRUCT.pack(
            head or header(content["kind"]),
            *[content[name] for name in names.split()],
            len(body) if length is None else length,
        )
        + body
    )


def _blob(name, content, *, signed_to=PUBLIC, after=b"", sign=None, **layout):
    plain = _plain(content, **layout)
    signs = signature(SEED, "envelope", signed_to + plain) if sign is None else sign
    body = plain[3:] + signs + after
    return sealed(name, content["kind"], PUBLIC, body, pads=True)


def _good(i):
    content = _content(i)
    text, name = TEXTS[i]
    case = {key: value for key, value in content.items() if key not in ("flags", "body")}
    return {
        **case,
        "danger": content["flags"] == 1,
        "text": text,
        "name": name,
        "secret": SECRET,
        "directions": [content["direction"]],
        "signer_seed": SEED,
        "signer_public": sign_public(SEED),
        "blob": _blob(f"good {i}", content),
    }


def _not_verified():
    content = _content()
    mine = signature(SEED, "envelope", PUBLIC + _plain(content))
    other = box_public(fixed("other csk"))

    def blob(name, **how):
        return {"blob": _blob(f"not verified {name}", content, **how)}

    return [
        {"why": "another signer", "of": 0, "set": {"signer_public": sign_public(fixed("other"))}},
        {
            "why": "no signature, zeros in its place",
            "of": 0,
            "set": blob("zeros", sign=bytes(64)),
        },
        {
            "why": "signed for another conversation's key",
            "of": 0,
            "set": blob("lifted", signed_to=other),
        },
        {
            "why": "a bit of the signature flipped",
            "of": 0,
            "set": blob("flipped", sign=bytes([mine[0] ^ 1]) + mine[1:]),
        },
        {
            "why": "S is not canonical",
            "of": 0,
            "set": blob("large", sign=with_large_s(mine)),
        },
        {
            "why": "key of small order",
            "of": 0,
            "set": {"signer_public": IDENTITY, **blob("small", sign=under_small_key())},
        },
        {"why": "key of the wrong size", "of": 0, "set": {"signer_public": b""}},
    ]


def _refused(good):
    layouts = {
        "unknown direction": {"direction": 8},
        "direction 0": {"direction": 0},
        "unknown origin": {"origin": 5},
        "unknown format": {"format": 9},
        "client in the team's direction": {"direction": 2},
        "courier in the team's direction": {"direction": 2, "origin": 2},
        "team in the client's direction": {"origin": 3, "epoch": 1},
        "caretaker as client": {"origin": 4},
        "findings as a message": {"format": 2},
        "a note's direction among messages": {"direction": 4, "origin": 3, "epoch": 1, "format": 3},
        "an epoch without team": {"epoch": 1},
        "answers of the team": {"direction": 2, "origin": 3, "epoch": 1, "format": 5},
        "answers of the caretaker": {"origin": 4, "format": 5},
        "attachments of the caretaker": {"origin": 4, "format": 6},
        "attachments among notes": {"direction": 4, "origin": 3, "epoch": 1, "format": 6},
        "format 7": {"format": 7},
        "unknown flag": {"flags": 2},
        "unknown flag beside danger": {"flags": 3},
        "counter 0": {"counter": 0},
        "counter above 2^53 - 1": {"counter": 2**53},
        "time above 2^53 - 1": {"time_ms": 2**53},
        "body that is not packed": {"body": b"text"},
        "body of one field": {"body": pack(b"text")},
        "body of three fields": {"body": pack(b"text", b"", b"")},
        "body that is no UTF-8": {"body": pack(b"\xff\xfe", b"")},
        "body with a lone surrogate": {"body": pack(b"\xed\xa0\x80", b"")},
        "name that is no UTF-8": {"body": pack(b"text", b"\xc3")},
    }
    cases = [
        {"why": why, "of": 0, "set": {"blob": _blob(why, _content(**changed))}}
        for why, changed in layouts.items()
    ]
    for case in cases:  # refused for what they are, not for a direction nobody asked for
        case["set"]["directions"] = [1, 2, 3, 4, 5, 6, 7]
    content = _content()
    size = len(content["body"])
    made = {
        "body length too small": {"length": size - 1},
        "body length too large": {"length": size + 1},
        "body length far too large": {"length": 2**32 - 1},
        "bytes after the signature": {"after": b"\0\1"},
        "signature missing": {"sign": b""},
        "signature cut short": {"sign": fixed("short", 63)},
    }
    cases += [
        {"why": why, "of": 0, "set": {"blob": _blob(why, content, **how)}}
        for why, how in made.items()
    ]
    team = _content(2, epoch=0)
    stub = sealed("stub", 1, PUBLIC, b"\1\2\3", pads=True)
    inner = sealed("inner", 1, PUBLIC, _plain(content)[3:] + bytes(64), pads=True, inner_kind=2)
    return [
        *cases,
        {"why": "team without an epoch", "of": 2, "set": {"blob": _blob("epoch", team)}},
        {"why": "nothing but a header", "of": 0, "set": {"blob": stub}},
        {"why": "another kind inside", "of": 0, "set": {"blob": inner}},
        {"why": "another conversation", "of": 0, "set": {"conversation_id": fixed("other", 16)}},
        {"why": "another key", "of": 0, "set": {"secret": fixed("other csk")}},
        {"why": "direction swapped", "of": 0, "set": {"directions": [2]}},
        {"why": "reply read as the client's", "of": 2, "set": {"directions": [1]}},
        {"why": "no direction", "of": 0, "set": {"directions": []}},
        {"why": "message read as a note", "of": 0, "set": {"kind": 2}},
        {"why": "note read as a message", "of": 4, "set": {"kind": 1}},
        {
            "why": "not padded",
            "of": 0,
            "set": {"blob": sealed("bare", 1, PUBLIC, _plain(content)[3:] + bytes(64))},
        },
        *damage(0, good[0]["blob"]),
        *damage(6, good[6]["blob"], step=301),
    ]


def _reading():
    a, b = "writer a", "writer b"

    def row(message, writer, counter, direction=1, *, verified=True):
        return {
            "message_id": fixed(message, 16),
            "writer_id": fixed(writer, 16),
            "counter": counter,
            "direction": direction,
            "verified": verified,
        }

    def place(missing=0, *, repeated=False):
        return {"repeated": repeated, "missing": missing}

    again = place(repeated=True)
    return [
        {
            "why": "a repeat is dropped",
            "rows": [row("1", a, 1), row("1", a, 1), row("2", a, 2)],
            "places": [place(), again, place()],
        },
        {
            "why": "gaps are counted for each writer and direction",
            "rows": [row("1", a, 1), row("2", b, 3), row("3", a, 4), row("4", a, 1, direction=2)],
            "places": [place(), place(2), place(2), place()],
        },
        {
            "why": "a late one fills no second gap",
            "rows": [row("1", a, 3), row("2", a, 1), row("3", a, 4)],
            "places": [place(2), place(), place()],
        },
        {
            "why": "what is not verified blocks nothing and counts nothing",
            "rows": [
                row("1", a, 9, verified=False),
                row("1", a, 9, verified=False),
                row("1", a, 1),
                row("1", a, 1, verified=False),
                row("2", a, 2),
            ],
            "places": [place(), again, place(), again, place()],
        },
        {
            "why": "drafts replace each other",
            "rows": [row("1", a, 1, direction=5), row("2", a, 6, direction=5)],
            "places": [place(), place()],
        },
    ]
