"""What a file is, and what can be taken out of it without drawing it: bytes in, bytes out.

Rules:

1. What a file is its first bytes say; neither its name nor what somebody calls it counts.
2. JPEG (ITU T.81): everything goes but what draws it; of Exif only which way is up is written anew.
   PNG (ISO 15948): everything goes but the chunks that draw. WAV: all but the form and the sound.
   MP3: the tags at both ends.
3. Nothing is repaired: what is not of the form of its kind, or larger than anybody's camera
   makes it, is refused.

`browser/attached` does the same in JavaScript, byte for byte.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

DRAWABLE: Final = frozenset({"jpeg", "png", "gif", "webp"})
"""Kinds that can be drawn anew; the last two are kept in no other way."""
KEPT_AS_THEY_ARE: Final = frozenset({"ogg", "m4a", "webm", "aac", "pdf", "mp4"})
"""Kinds of which nothing is taken out: they may name a device, a program, a time, a person."""
TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "jpeg": "image/jpeg",
        "png": "image/png",
        "ogg": "audio/ogg",
        "mp3": "audio/mpeg",
        "m4a": "audio/mp4",
        "wav": "audio/wav",
        "webm": "audio/webm",
        "aac": "audio/aac",
        "pdf": "application/pdf",
        "mp4": "video/mp4",
    }
)
"""What a reader is told a file of this kind is."""

_SOUND_BRANDS: Final = frozenset({b"M4A ", b"M4B "})
_FILM_BRANDS: Final = frozenset(
    b"isom iso2 iso4 iso5 iso6 mp41 mp42 avc1 3gp4 3gp5 3gp6".split()
) | {b"qt  "}
_STARTS: Final = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"ID3", "mp3"),
    (b"OggS", "ogg"),
    (b"GIF8", "gif"),
    (b"%PDF", "pdf"),
)


class UnreadableFileError(ValueError):
    """The file is not of the form of its kind."""

    def __init__(self) -> None:
        super().__init__("the file is damaged, or is not what it begins like: send a screenshot")


def kind_of(data: bytes) -> str:
    """The kind of a file by its beginning (64 bytes are enough); empty for every other kind."""
    for start, kind in _STARTS:
        if data.startswith(start):
            return kind
    if data.startswith(b"RIFF"):
        return {b"WAVE": "wav", b"WEBP": "webp"}.get(data[8:12], "")
    if data[4:8] == b"ftyp" or data.startswith(b"ftyp"):
        brand = data[8:12]
        return "m4a" if brand in _SOUND_BRANDS else "mp4" if brand in _FILM_BRANDS else ""
    if data.startswith(b"\x1a\x45\xdf\xa3"):
        return "webm" if b"webm" in data[:64] else ""
    return _kind_of_frames(data[:2])


def _kind_of_frames(start: bytes) -> str:
    """MPEG sound begins with frames that have no name: twelve or eleven bits that are set."""
    if len(start) < 2 or start[0] != 0xFF:  # noqa: PLR2004  # two bytes of a frame's head
        return ""
    if start[1] & 0xE6 == 0xE2:  # noqa: PLR2004  # sound of layer 3
        return "mp3"
    return "aac" if start[1] & 0xF6 == 0xF0 else ""  # noqa: PLR2004  # the head of ADTS


def clean(kind: str, data: bytes) -> bytes:
    """What is left of a file; raises UnreadableFileError."""
    cleaner = _CLEANERS.get(kind)
    try:
        cleaned = data if cleaner is None else cleaner(data)
    except (IndexError, struct.error):
        raise UnreadableFileError from None
    if not cleaned:
        raise UnreadableFileError
    return cleaned


def _must(holds: bool) -> None:  # noqa: FBT001  # reads as a sentence
    if not holds:
        raise UnreadableFileError


# --- JPEG ---------------------------------------------------------------------------------

MOST_PIXELS: Final = 50_000_000
"""More is refused: whoever looks at the picture later has to draw it."""
_NO_FRAME: Final = frozenset({0xC4, 0xC8, 0xCC})  # among the markers of frames: tables
_SOI, _EOI, _SCAN, _COMMENT = b"\xff\xd8", 0xD9, 0xDA, 0xFE
_APP0, _APP1, _APP14, _APP15 = 0xE0, 0xE1, 0xEE, 0xEF  # APP14: Adobe's, how colours are stored
_EXIF: Final = b"Exif\0\0"
_UP: Final = 0x0112


def _clean_jpeg(data: bytes) -> bytes:
    parts, up = [_SOI], 1
    for marker, segment, payload in _segments(data):
        if marker == _APP1:
            up = _orientation(payload) or up
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:  # noqa: PLR2004  # the frames
            height, width = struct.unpack_from(">HH", payload, 1)
            _must(height * width <= MOST_PIXELS)
        if not (_APP0 <= marker <= _APP15 and marker != _APP14) and marker != _COMMENT:
            parts.append(segment)
    if up > 1:
        parts.insert(1, _upright_exif(up))
    return b"".join(parts)


def _segments(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Marker, the whole segment with what is coded after it, and its payload; to the end marker."""
    at = 2
    while True:
        _must(data[at] == 0xFF)  # noqa: PLR2004  # what every marker begins with
        marker = data[at + 1]
        if marker == 0xFF:  # noqa: PLR2004  # fill bytes may stand before a marker
            at += 1
            continue
        if marker == _EOI:
            yield marker, data[at : at + 2], b""  # what follows is no part of the picture
            return
        (size,) = struct.unpack_from(">H", data, at + 2)
        end = at + 2 + size
        _must(size >= 2 and end <= len(data))  # noqa: PLR2004  # the size counts itself
        after = _after_scan(data, end) if marker == _SCAN else end
        yield marker, data[at:after], data[at + 4 : end]
        at = after


def _after_scan(data: bytes, start: int) -> int:
    """Where the coded part of a scan ends: at a marker that is no restart and no stuffed byte."""
    at = start
    while True:
        at = data.find(b"\xff", at)
        _must(0 <= at < len(data) - 1)
        follows = data[at + 1]
        if follows not in (0x00, 0xFF) and not 0xD0 <= follows <= 0xD7:  # noqa: PLR2004  # the restart markers
            return at
        at += 1


def _orientation(exif: bytes) -> int:
    """The value of the one tag that is kept, 1 to 8; 0 where there is none."""
    if not exif.startswith(_EXIF) or len(exif) < 14:  # noqa: PLR2004  # its two heads
        return 0
    tiff = exif[len(_EXIF) :]
    order = "<" if tiff.startswith(b"II") else ">"
    (start,) = struct.unpack_from(f"{order}I", tiff, 4)
    if start + 2 > len(tiff):
        return 0
    (count,) = struct.unpack_from(f"{order}H", tiff, start)
    for place in range(count):
        at = start + 2 + 12 * place
        if at + 12 > len(tiff):
            return 0
        tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, at)
        if tag == _UP:
            return int(value) if 1 <= value <= 8 else 0  # noqa: PLR2004  # Exif names eight
    return 0


def _upright_exif(up: int) -> bytes:
    """Exif with which way is up and nothing else."""
    tiff = b"MM\0\x2a\0\0\0\x08" + struct.pack(">HHHIHHI", 1, _UP, 3, 1, up, 0, 0)
    return struct.pack(">BBH", 0xFF, _APP1, 2 + len(_EXIF) + len(tiff)) + _EXIF + tiff


# --- PNG, WAV, MP3 ------------------------------------------------------------------------

_DRAWN: Final = frozenset(
    (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT")
)


def _clean_png(data: bytes) -> bytes:
    parts, at = [data[:8]], 8
    while True:
        size, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + size
        _must(end <= len(data))
        if name == b"IHDR":
            width, height = struct.unpack_from(">II", data, at + 8)
            _must(width * height <= MOST_PIXELS)
        if name in _DRAWN:
            parts.append(data[at:end])
        if name == b"IEND":
            return b"".join(parts)
        at = end


def _clean_wav(data: bytes) -> bytes:
    parts: list[bytes] = []
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        end = min(at + 8 + size + size % 2, len(data))
        if name in (b"fmt ", b"data"):
            parts.append(data[at:end])
        at = end
    _must(len(parts) >= 2)  # noqa: PLR2004  # the form and the sound
    body = b"".join(parts)
    return data[:4] + struct.pack("<I", len(body) + 4) + data[8:12] + body


def _clean_mp3(data: bytes) -> bytes:
    start, end = 0, len(data)
    while data[start : start + 3] == b"ID3" and start + 10 <= end:
        size = 0
        for byte in data[start + 6 : start + 10]:
            size = size * 128 + (byte & 0x7F)
        footer = 10 if data[start + 5] & 0x10 else 0
        start += 10 + size + footer
    if end - start > 128 and data[end - 128 : end - 125] == b"TAG":  # noqa: PLR2004  # the tag at the end
        end -= 128
    _must(start < end)
    return data[start:end]


_CLEANERS: Final[Mapping[str, Callable[[bytes], bytes]]] = MappingProxyType(
    {"jpeg": _clean_jpeg, "png": _clean_png, "wav": _clean_wav, "mp3": _clean_mp3}
)
