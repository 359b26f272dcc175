"""What a file is, and what can be taken out of it without drawing it: bytes in, bytes out.

Rules:

1. What a file is its first bytes say; neither its name nor what somebody calls it counts.
2. JPEG (ITU T.81): everything goes but what draws it; of Exif only which way is up is written anew.
   PNG (ISO 15948): everything goes but the chunks that draw. WAV: all but the form and the sound.
   MP3: the tags at both ends (ID3v1, ID3v2, APEv2). M4A and MP4 (ISO 14496-12): all boxes but those
   that play become empty ones of the same size, since others are found by their place in the file;
   times and names of programs in those that stay are zeros.
3. Nothing is repaired: what is not of the form of its kind, or larger or in more parts than
   anybody's camera makes it, is refused.
4. What is left is gathered once, whatever the number of parts: memory is a small multiple of the
   file.

`browser/attached` does the same in JavaScript, byte for byte.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

DRAWABLE: Final = frozenset({"jpeg", "png", "gif", "webp"})
"""Kinds that can be drawn anew; the last two are kept in no other way."""
KEPT_AS_THEY_ARE: Final = frozenset({"ogg", "webm", "aac", "pdf"})
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
    """What is left of a file, which is of the same kind; raises UnreadableFileError."""
    cleaner = _CLEANERS.get(kind)
    try:
        cleaned = data if cleaner is None else cleaner(data)
    except (IndexError, struct.error):
        raise UnreadableFileError from None
    _must(bool(cleaned) and kind_of(cleaned) == kind)  # the reader looks at that again
    return cleaned


def _must(holds: bool) -> None:  # noqa: FBT001  # reads as a sentence
    if not holds:
        raise UnreadableFileError


# --- JPEG ---------------------------------------------------------------------------------

MOST_PIXELS: Final = 50_000_000
"""More is refused: whoever looks at the picture later has to draw it."""
MOST_PARTS: Final = 20_000
"""Segments, chunks or tags of one file: a file of ten megabytes could have millions of empty ones,
each of which costs time."""
MOST_SCANS: Final = 100
"""A decoder goes over the whole picture once a scan; cameras and programs make about ten."""
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_TABLES: Final = frozenset({0xC4, 0xCC, 0xDB, 0xDD})  # Huffman, arithmetic, quantisation, restart
_SOI, _EOI, _SCAN = b"\xff\xd8", 0xD9, 0xDA
_APP1, _APP14 = 0xE1, 0xEE
_ADOBE: Final = re.compile(rb"Adobe.{7}", re.DOTALL)  # how colours are stored, and nothing else
_EXIF: Final = b"Exif\0\0"
_UP: Final = 0x0112
_AFTER_SCAN: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # no stuffed byte, no restart


def _clean_jpeg(data: bytes) -> bytes:
    whole, left, up, scans = memoryview(data), bytearray(_SOI), 1, 0
    for marker, at, end, after in _segments(data):
        if marker == _APP1:
            up = _orientation(data[at + 4 : end]) or up
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            _must(0 < height * width <= MOST_PIXELS)
        scans += marker == _SCAN
        _must(scans <= MOST_SCANS)
        is_colours = marker == _APP14 and _ADOBE.fullmatch(data, at + 4, end)
        if marker in _FRAMES or marker in _TABLES or marker in (_SCAN, _EOI) or is_colours:
            left += whole[at:after]
    if up > 1:
        left[2:2] = _upright_exif(up)
    return bytes(left)


def _segments(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Marker, and where its segment begins and ends, and what is coded after it; to the end marker.

    Fill bytes before a marker count as segments.
    """
    at = 2
    for _ in range(MOST_PARTS):
        _must(data[at] == 0xFF)  # noqa: PLR2004  # what every marker begins with
        marker = data[at + 1]
        if marker == 0xFF:  # noqa: PLR2004  # fill bytes may stand before a marker
            at += 1
            continue
        if marker == _EOI:
            yield marker, at, at + 2, at + 2  # what follows is no part of the picture
            return
        (size,) = struct.unpack_from(">H", data, at + 2)
        end = at + 2 + size
        _must(size >= 2 and end <= len(data))  # noqa: PLR2004  # the size counts itself
        after = _after_scan(data, end) if marker == _SCAN else end
        yield marker, at, end, after
        at = after
    raise UnreadableFileError


def _after_scan(data: bytes, start: int) -> int:
    """Where the coded part of a scan ends: at a marker that is no restart and no stuffed byte."""
    found = _AFTER_SCAN.search(data, start)
    if found is None:
        raise UnreadableFileError
    return found.start()


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
    whole, left, at = memoryview(data), bytearray(data[:8]), 8
    for _ in range(MOST_PARTS):
        size, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + size
        _must(end <= len(data))
        if name == b"IHDR":
            width, height = struct.unpack_from(">II", data, at + 8)
            _must(width * height <= MOST_PIXELS)
        if name in _DRAWN:
            left += whole[at:end]
        if name == b"IEND":
            return bytes(left)
        at = end
    raise UnreadableFileError


def _clean_wav(data: bytes) -> bytes:
    whole, left, kept, parts, at = memoryview(data), bytearray(data[:12]), 0, 0, 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        end = min(at + 8 + size + size % 2, len(data))
        if name in (b"fmt ", b"data"):
            left += whole[at:end]
            kept += 1
        parts += 1
        _must(parts <= MOST_PARTS)
        at = end
    _must(kept >= 2)  # noqa: PLR2004  # the form and the sound
    struct.pack_into("<I", left, 4, len(left) - 8)
    return bytes(left)


def _clean_mp3(data: bytes) -> bytes:
    start, end, tags = 0, len(data), 0
    while data.startswith(b"ID3", start) and start + 10 <= end:
        size = 0
        for byte in data[start + 6 : start + 10]:
            size = size * 128 + (byte & 0x7F)
        footer = 10 if data[start + 5] & 0x10 else 0
        start += 10 + size + footer
        tags += 1
        _must(tags <= MOST_PARTS)
    while size := _tag_at_end(data, start, end):
        end -= size
        tags += 1
        _must(tags <= MOST_PARTS)
    _must(start < end)
    return data[start:end]


_APE_FOOT: Final = 32  # bytes


def _tag_at_end(data: bytes, start: int, end: int) -> int:
    """The size of what ends here and is no sound: ID3v1, what extends it, APEv2; or 0."""
    for size, name in ((128, b"TAG"), (227, b"TAG+")):
        if end - start > size and data.startswith(name, end - size):
            return size
    foot = end - _APE_FOOT
    if foot < start or not data.startswith(b"APETAGEX", foot):
        return 0
    size, _, flags = struct.unpack_from("<III", data, foot + 12)
    size += _APE_FOOT if flags & 0x80000000 else 0  # a head of the same size is not in it
    _must(_APE_FOOT <= size <= end - start)
    return int(size)


# --- M4A, MP4 -----------------------------------------------------------------------------

_BOXES: Final[Mapping[bytes, frozenset[bytes]]] = MappingProxyType(
    {
        b"": frozenset({b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"sidx", b"mfra"}),
        b"moov": frozenset({b"mvhd", b"trak", b"mvex"}),
        b"trak": frozenset({b"tkhd", b"edts", b"tref", b"mdia"}),
        b"mdia": frozenset({b"mdhd", b"hdlr", b"elng", b"minf"}),
        b"moof": frozenset({b"mfhd", b"traf"}),
    }
)
"""What stays in the file itself and in boxes of these names; those of no name here stay whole."""
_TIMED: Final = frozenset({b"mvhd", b"tkhd", b"mdhd"})
_HEAD: Final = 8  # bytes of a box: its size, which counts them, and its name


def _clean_boxes(data: bytes) -> bytes:
    left, parts, inside = bytearray(data), 0, [(b"", 0, len(data))]
    while inside:
        owner, at, end = inside.pop()
        while at < end:
            parts += 1
            _must(parts <= MOST_PARTS)
            name, start, after = _box(data, owner, at, end)
            if name not in _BOXES[owner]:
                if name:
                    left[at + 4 : at + _HEAD] = b"free"
                left[start:after] = bytes(after - start)
            elif name in _BOXES:
                inside.append((name, start, after))
            else:
                _blank(left, name, start, after)
            at = after
    return bytes(left)


def _box(data: bytes, owner: bytes, at: int, end: int) -> tuple[bytes, int, int]:
    """The name of the box at `at`, where what is in it begins, and where it ends."""
    if not owner and end - at < _HEAD:
        return b"", at, end  # a few bytes behind the last one, of which no player knows
    size, name = struct.unpack_from(">I4s", data, at)
    start = at + _HEAD
    if size == 1:
        (size,) = struct.unpack_from(">Q", data, start)
        start += 8
    elif size == 0 and not owner:
        size = end - at  # to the end of the file
    if not owner and name == b"mdat":
        size = min(size, end - at)  # cut off: what came can be played
    _must(start <= at + size <= end)
    return name, start, at + size


def _blank(left: bytearray, name: bytes, start: int, after: int) -> None:
    """Times of making and changing; who made the program that wrote a track, and its name."""
    if name in _TIMED:
        _must(start + 20 <= after)
        size = 16 if left[start] else 8
        left[start + 4 : start + 4 + size] = bytes(size)
    elif name == b"hdlr":
        _must(start + 24 <= after)
        left[start + 12 : after] = bytes(after - start - 12)


_CLEANERS: Final[Mapping[str, Callable[[bytes], bytes]]] = MappingProxyType(
    {
        "jpeg": _clean_jpeg,
        "png": _clean_png,
        "wav": _clean_wav,
        "mp3": _clean_mp3,
        "m4a": _clean_boxes,
        "mp4": _clean_boxes,
    }
)
