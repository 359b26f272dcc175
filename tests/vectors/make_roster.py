"""Vectors of the roster: a chain with every type of entry, and chains broken in every way."""

import struct
from pathlib import Path

from fixed import (
    IDENTITY,
    box_public,
    fixed,
    hashed,
    header,
    pack,
    sealed,
    sign_public,
    signature,
    u32,
    under_small_key,
    with_large_s,
)

LIST = (Path(__file__).parents[2] / "vault/words/phrase.en.txt").read_text("utf-8").split()
NO_ID, NO_HASH = bytes(16), bytes(32)
START = 1_763_000_000

ROOT = fixed("root")
ADA, BEN, CLEO, DORA = (fixed(f"id {name}", 16) for name in ("ada", "ben", "cleo", "dora"))
NAMES = {ADA: ("ada", "Ada"), BEN: ("ben", "Béla 🌱"), CLEO: ("cleo", "Cleo"), DORA: ("dora", "D")}


def make():
    chain = _chain()
    prints = hashed("root", sign_public(ROOT))
    return {
        "good": [
            _summary("founding alone", chain[:1], prints),
            _summary("every type of entry", chain, prints),
            _summary("without a recovery key", [_founding(recovery=b"")], prints),
        ],
        "made": _made(),
        "refused": [
            {**case, "entries": [_named(entry, chain) for entry in case["entries"]]}
            for case in (*_refused_founding(chain), *_refused_next(chain), *_refused_order(chain))
        ],
    }


def _named(entry, chain):
    """An entry of the good chain by its index, any other as it is."""
    return chain.index(entry) if entry in chain else entry


# --- entries by hand ----------------------------------------------------------------------


def _person(who, roles, keys=None):
    name, shown = NAMES[who]
    seed = keys or f"{name} key"
    return (
        who,
        name.encode(),
        shown.encode(),
        box_public(fixed(f"{seed} box")),
        sign_public(fixed(seed)),
        bytes([roles]),
    )


def _entry(place, kind, signer, payload, seed, *, time=None, head=None, sign=None):
    number, previous = place
    unsigned = struct.pack(
        ">3sI32sQB16sI",
        head or header(0x50),
        number,
        previous,
        START + number if time is None else time,
        kind,
        signer,
        len(payload),
    )
    unsigned += payload
    return unsigned + (signature(seed, "roster-sign", unsigned) if sign is None else sign)


def _founding_fields(person, recovery):
    return [
        sign_public(ROOT),
        *person,
        box_public(fixed("team 1 box")),
        sign_public(fixed("team 1 sign")),
        box_public(fixed("courier box")),
        sign_public(fixed("courier sign")),
        sign_public(fixed("caretaker sign")),
        recovery,
    ]


def _founding(*, person=None, recovery=None, fields=None, signer=NO_ID, seed=ROOT, **how):
    if fields is None:
        rest = box_public(fixed("recovery")) if recovery is None else recovery
        fields = _founding_fields(person or _person(ADA, 5), rest)
    place = (how.pop("number", 1), how.pop("previous", NO_HASH))
    values = {"kind": 1, **how}
    return _entry(place, payload=pack(*fields), signer=signer, seed=seed, **values)


def _epoch(number, seal_name="earlier"):
    public = box_public(fixed(f"team {number} box"))
    body = u32(number - 1) + fixed(f"team seed {number - 1}")
    return pack(
        u32(number),
        public,
        sign_public(fixed(f"team {number} sign")),
        sealed(f"{seal_name} {number}", 0x31, public, body),
    )


def _next(chain, kind, signer, payload, key, **how):
    place = (
        how.pop("number", len(chain) + 1),
        how.pop("previous", hashed("roster", chain[-1])),
    )
    return _entry(place, kind, signer, payload, fixed(key), **how)


def _steps():
    """Type, signer, payload and key of each entry after the founding."""
    return (
        (2, ADA, pack(*_person(BEN, 1)), "ada key"),
        (2, ADA, pack(*_person(CLEO, 14)), "ada key"),
        (4, BEN, _epoch(2), "ben key"),
        (2, CLEO, pack(*_person(BEN, 3, "ben new")), "cleo key"),
        (5, CLEO, pack(b'[[rule]]\nname = "shorter"\n'), "cleo key"),
        (3, CLEO, pack(ADA), "cleo key"),
        (4, BEN, _epoch(3), "ben new"),
    )


def _chain():
    chain = [_founding()]
    for step in _steps():
        chain.append(_next(chain, *step))
    return chain


def _words(prints, person):
    """What is read aloud before somebody is let in."""
    who, _, shown, box, sign, roles = person
    number = int.from_bytes(hashed("newcomer", pack(prints, who, shown, box, sign, roles)))
    return [LIST[number >> (256 - 11 * (i + 1)) & 2047] for i in range(8)]


def _summary(why, chain, prints):
    whole = len(chain) > 1
    number = int.from_bytes(prints)
    people = [(BEN, 3, "ben new"), (CLEO, 14, None)] if whole else [(ADA, 5, None)]
    epochs = (1, 2, 3) if whole else (1,)
    return {
        "why": why,
        "entries": chain,
        "fingerprint": prints,
        "fingerprint_words": [LIST[number >> (256 - 11 * (i + 1)) & 2047] for i in range(8)],
        "hashes": [hashed("roster", entry) for entry in chain],
        "time": START + len(chain),
        "people": [
            {
                "staff_id": who,
                "name": NAMES[who][0],
                "shown_name": NAMES[who][1],
                "box_key": _person(who, roles, keys)[3],
                "sign_key": _person(who, roles, keys)[4],
                "roles": roles,
                "words": _words(prints, _person(who, roles, keys)),
            }
            for who, roles, keys in people
        ],
        # after each entry: whether a new epoch is due
        "epoch_due": [False] * 4 + [True] * 3 + [False] if whole else [False],
        "removed": [ADA] if whole else [],
        "epochs": [
            {
                "number": epoch,
                "box_key": box_public(fixed(f"team {epoch} box")),
                "sign_key": sign_public(fixed(f"team {epoch} sign")),
            }
            for epoch in epochs
        ],
        "policies": [b'[[rule]]\nname = "shorter"\n'] if whole else [],
        "courier_box_key": box_public(fixed("courier box")),
        "courier_sign_key": sign_public(fixed("courier sign")),
        "caretaker_sign_key": sign_public(fixed("caretaker sign")),
        "recovery_box_key": None if "without" in why else box_public(fixed("recovery")),
    }


def _made():
    """What whoever makes the chain starts from, entry by entry."""
    return {
        "root_seed": ROOT,
        "steps": [
            {
                "type": kind,
                "signer_id": signer,
                "payload": payload,
                "seed": fixed(key),
                "time": START + at,
            }
            for at, (kind, signer, payload, key) in enumerate(_steps(), 2)
        ],
    }


# --- chains that do not hold --------------------------------------------------------------


def _refused_founding(chain):
    fields = _founding_fields(_person(ADA, 5), b"")
    good = chain[0]
    wrong = {
        "no entries": [],
        "founding cut short": [good[:-1]],
        "founding empty": [b""],
        "founding with a byte more": [good + b"\0"],
        "another version": [_founding(head=b"\2\1\x50")],
        "another kind": [_founding(head=b"\1\1\x51")],
        "founding numbered 2": [_founding(number=2)],
        "founding that follows something": [_founding(previous=fixed("hash"))],
        "first entry of another type": [_founding(kind=2)],
        "first entry of an unknown type": [_founding(kind=6)],
        "founding signed by a person": [_founding(signer=ADA)],
        "founding by another key": [_founding(seed=fixed("not the root"))],
        "founding without a signature": [_founding(sign=b"")],
        "founding with zeros for a signature": [_founding(sign=bytes(64))],
        "founding with a large S": [good[:-64] + with_large_s(good[-64:])],
        "root key of small order": [
            _founding(fields=[IDENTITY, *fields[1:]], sign=under_small_key())
        ],
        "founding with a field missing": [_founding(fields=fields[:-1])],
        "founding with a field more": [_founding(fields=[*fields, b""])],
        "recovery key of 31 bytes": [_founding(recovery=bytes(31))],
        "team key of 31 bytes": [_founding(fields=[*fields[:7], bytes(31), *fields[8:]])],
        "first person no admin": [_founding(person=_person(ADA, 3))],
        "first person without an id": [_founding(person=(NO_ID, *_person(ADA, 5)[1:]))],
        "time above 2^53 - 1": [_founding(time=2**53)],
        "payload length wrong": [good[:64] + u32(2**32 - 1) + good[68:]],
    }
    other = {
        "why": "another root",
        "entries": chain,
        "fingerprint": fixed("another fingerprint"),
    }
    flipped = [
        {"why": f"founding: bit flipped in byte {at}", "entries": [_flip(good, at)]}
        for at in range(0, len(good), 7)
    ]
    return [*[{"why": why, "entries": entries} for why, entries in wrong.items()], other, *flipped]


def _flip(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def _refused_next(chain):
    """One entry that does not hold, after the first three (Ada 5, Ben 1, Cleo 14) or all."""
    three = chain[:3]
    dora = pack(*_person(DORA, 1))
    name = _person(DORA, 1)
    policy = pack(b"toml")

    def after(base, kind, signer, payload, key, **how):
        return [*base, _next(base, kind, signer, payload, key, **how)]

    removed_ada = after(three, 3, CLEO, pack(ADA), "cleo key")
    wrong = {
        "person by a counsellor": after(three, 2, BEN, dora, "ben key"),
        "person by nobody known": after(three, 2, DORA, dora, "dora key"),
        "person by the root": after(three, 2, NO_ID, dora, "root"),
        "own roles raised": after(three, 2, BEN, pack(*_person(BEN, 5)), "ben key"),
        "removal by a counsellor": after(three, 3, BEN, pack(CLEO), "ben key"),
        "policy by a counsellor": after(three, 5, BEN, policy, "ben key"),
        "epoch by an admin who is no counsellor": after(three, 4, CLEO, _epoch(2), "cleo key"),
        "policy by a removed person": after(removed_ada, 5, ADA, policy, "ada key"),
        "removed person's id again": after(
            removed_ada, 2, CLEO, pack(*_person(ADA, 1)), "cleo key"
        ),
        "removal of a removed person": after(removed_ada, 3, CLEO, pack(ADA), "cleo key"),
        "last admin removed": after(removed_ada, 3, CLEO, pack(CLEO), "cleo key"),
        "last admin's role taken": after(
            removed_ada, 2, CLEO, pack(*_person(CLEO, 10)), "cleo key"
        ),
        "removal of nobody": after(three, 3, ADA, pack(DORA), "ada key"),
        "signed with the key before": after(chain, 4, BEN, _epoch(4), "ben key"),
        "another's signature": after(three, 2, ADA, dora, "ben key"),
        "no signature": after(three, 2, ADA, dora, "ada key", sign=b""),
        "zeros for a signature": after(three, 2, ADA, dora, "ada key", sign=bytes(64)),
        "founding again": after(
            three, 1, ADA, pack(*_founding_fields(_person(ADA, 5), b"")), "ada key"
        ),
        "unknown type": after(three, 6, ADA, policy, "ada key"),
        "type 0": after(three, 0, ADA, policy, "ada key"),
        "number skipped": after(three, 2, ADA, dora, "ada key", number=5),
        "number again": after(three, 2, ADA, dora, "ada key", number=3),
        "another previous hash": after(three, 2, ADA, dora, "ada key", previous=fixed("hash")),
        "previous hash of an older entry": after(
            three, 2, ADA, dora, "ada key", previous=hashed("roster", chain[1])
        ),
        "epoch skipped": after(three, 4, BEN, _epoch(3), "ben key"),
        "epoch again": after(chain, 4, BEN, _epoch(3, "again"), "ben new"),
        "epoch number of eight bytes": after(
            three, 4, BEN, pack(bytes(7) + b"\2", bytes(32), bytes(32), b""), "ben key"
        ),
        "epoch with a key of 31 bytes": after(
            three, 4, BEN, pack(u32(2), bytes(31), bytes(32), b""), "ben key"
        ),
        "roles 0": after(three, 2, ADA, pack(*name[:5], b"\0"), "ada key"),
        "unknown role": after(three, 2, ADA, pack(*name[:5], b"\x11"), "ada key"),
        "roles of two bytes": after(three, 2, ADA, pack(*name[:5], b"\0\1"), "ada key"),
        "id of 15 bytes": after(three, 2, ADA, pack(DORA[:15], *name[1:]), "ada key"),
        "id of zeros": after(three, 2, ADA, pack(NO_ID, *name[1:]), "ada key"),
        "name that is no UTF-8": after(three, 2, ADA, pack(DORA, b"\xff", *name[2:]), "ada key"),
        "person with a field missing": after(three, 2, ADA, pack(*name[:5]), "ada key"),
        "removal with a field more": after(three, 3, ADA, pack(BEN, b""), "ada key"),
        "payload with a byte left over": after(three, 2, ADA, dora + b"\0", "ada key"),
        "another suite": after(three, 2, ADA, dora, "ada key", head=b"\1\2\x50"),
    }
    return [{"why": why, "entries": entries} for why, entries in wrong.items()]


def _refused_order(chain):
    wrong = {
        "the founding missing": chain[1:],
        "an entry missing": [*chain[:2], *chain[3:]],
        "two entries exchanged": [chain[0], chain[2], chain[1], *chain[3:]],
        "an entry twice": [*chain[:3], chain[2], *chain[3:]],
        "the last entry cut short": [*chain[:-1], chain[-1][:-1]],
        "an entry in the middle changed": [*chain[:2], _flip(chain[2], 80), *chain[3:]],
        "an entry of another chain": [*chain[:3], _other_chain()[3], *chain[4:]],
    }
    return [{"why": why, "entries": entries} for why, entries in wrong.items()]


def _other_chain():
    """As valid as the first, of the same people, begun a second later."""
    chain = [_founding(time=START + 2)]
    for step in _steps():
        chain.append(_next(chain, *step))
    return chain
