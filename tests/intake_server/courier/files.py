"""Small files of the form of their kinds, for what travels over messengers."""

import struct

PLACE = b"52.5200 N 13.4050 E"


def jpeg(coded: bytes = b"drawn", extra: bytes = b"") -> bytes:
    """A JPEG with these coded bytes; cleaned already unless there is something `extra`."""
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 8, 8, 16, 24, 0)
    scan = b"\xff\xda" + struct.pack(">HB", 3, 0) + coded
    return b"\xff\xd8" + extra + frame + scan + b"\xff\xd9"


def _comment(said: bytes) -> bytes:
    return b"\xff\xfe" + struct.pack(">H", 2 + len(said)) + said


JPEG = jpeg(extra=_comment(PLACE))
"""As a telephone makes it: with a place in it."""
OGG = b"OggS" + bytes(60) + b"a recording" * 9_000
"""Two chunks long."""
