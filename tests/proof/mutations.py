"""Ways to break bytes that were good, as accidents and attackers do; seeded, so repeatable."""

import random
from collections.abc import Callable

EDGES = (0, 1, 0x7F, 0x80, 0xFF)
LENGTHS = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\1", b"\x7f\xff\xff\xff", b"\0\0", b"\xff\xff")


def flip(lots: random.Random, data: bytearray) -> None:
    if data:
        data[lots.randrange(len(data))] ^= 1 << lots.randrange(8)


def overwrite(lots: random.Random, data: bytearray) -> None:
    if data:
        data[lots.randrange(len(data))] = lots.choice(EDGES)


def cut(lots: random.Random, data: bytearray) -> None:
    del data[lots.randint(0, len(data)) :]


def take_out(lots: random.Random, data: bytearray) -> None:
    start = lots.randint(0, len(data))
    del data[start : start + lots.randint(1, 8)]


def put_in(lots: random.Random, data: bytearray) -> None:
    at = lots.randint(0, len(data))
    data[at:at] = lots.randbytes(lots.randint(1, 8))


def repeat(lots: random.Random, data: bytearray) -> None:
    start = lots.randint(0, len(data))
    data[start:start] = data[start : start + lots.randint(1, 64)]


def lie_about_a_length(lots: random.Random, data: bytearray) -> None:
    wrong = lots.choice(LENGTHS)
    at = lots.randint(0, len(data))
    data[at : at + len(wrong)] = wrong


WAYS: tuple[Callable[[random.Random, bytearray], None], ...] = (
    flip,
    overwrite,
    cut,
    take_out,
    put_in,
    repeat,
    lie_about_a_length,
)


def broken(lots: random.Random, good: list[bytes]) -> bytes:
    """One of the good ones, changed in one to four ways; sometimes the end of another."""
    data = bytearray(lots.choice(good))
    if lots.random() < 0.1:
        other = lots.choice(good)
        data[lots.randint(0, len(data)) :] = other[lots.randint(0, len(other)) :]
    for _ in range(lots.randint(1, 4)):
        lots.choice(WAYS)(lots, data)
    return bytes(data)
