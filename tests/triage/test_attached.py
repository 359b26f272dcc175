"""What a file is and what is taken out of it; browser/attached/attached.test.mjs reads the same."""

import io
import json
import struct
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from triage.attached import UnreadableFileError, clean, kind_of

CANARY = b"canary-in-exif-77"
VECTORS = json.loads((Path(__file__).parent / "vectors" / "attached.json").read_text())


def photo(up=6, **options):
    """A JPEG as a telephone makes it: Exif with device, place and which way is up; a comment."""
    picture = Image.new("RGB", (24, 16), (200, 30, 30))
    exif = picture.getexif()
    exif[0x0112] = up
    exif[0x010F] = CANARY.decode()  # the maker
    exif.get_ifd(0x8825)[1] = "N"  # the place
    made = io.BytesIO()
    picture.save(made, "JPEG", exif=exif, comment=CANARY, **options)
    return made.getvalue() + CANARY  # and something behind its end


def drawing():
    told = PngImagePlugin.PngInfo()
    told.add_text("Author", CANARY.decode())
    made = io.BytesIO()
    Image.new("RGBA", (9, 7), (1, 2, 3, 4)).save(made, "PNG", pnginfo=told)
    return made.getvalue()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 20}])
def test_a_photo_keeps_what_is_seen_and_which_way_is_up(options):
    before = photo(**options)
    assert CANARY in before
    after = clean("jpeg", before)
    assert CANARY not in after
    with Image.open(io.BytesIO(after)) as cleaned, Image.open(io.BytesIO(before)) as whole:
        assert cleaned.tobytes() == whole.tobytes()
        assert dict(cleaned.getexif()) == {0x0112: 6}
    assert clean("jpeg", after) == after
    assert b"Exif" not in clean("jpeg", photo(up=1))


def test_a_drawing_keeps_what_is_seen():
    before = drawing()
    assert CANARY in before
    after = clean("png", before)
    assert CANARY not in after
    with Image.open(io.BytesIO(after)) as cleaned, Image.open(io.BytesIO(before)) as whole:
        assert cleaned.tobytes() == whole.tobytes()


def test_sound_loses_its_tags():
    sound = b"RIFF" + struct.pack("<I", 99) + b"WAVE"
    sound += b"LIST" + struct.pack("<I", len(CANARY)) + CANARY + b"\0"
    sound += b"fmt " + struct.pack("<I", 16) + bytes(16) + b"data" + struct.pack("<I", 4) + b"abcd"
    left = clean("wav", sound)
    assert CANARY not in left
    assert left.endswith(b"abcd")
    assert struct.unpack_from("<I", left, 4) == (len(left) - 8,)
    song = b"ID3\4\0\0" + bytes((0, 0, 0, len(CANARY))) + CANARY + b"\xff\xfb" + bytes(200)
    left = clean("mp3", song + b"TAG" + CANARY.ljust(125, b"\0"))
    assert left == b"\xff\xfb" + bytes(200)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (photo(), "jpeg"),
        (drawing(), "png"),
        (b"GIF89a", "gif"),
        (b"RIFF....WEBPVP8 ", "webp"),
        (b"RIFF....WAVEfmt ", "wav"),
        (b"RIFF....AVI LIST", ""),
        (b"OggS\0", "ogg"),
        (b"\xff\xfb\x90", "mp3"),
        (b"\xff\xf1\x50", "aac"),
        (b"\0\0\0\x18ftypM4A ", "m4a"),
        (b"\0\0\0\x18ftypisom", "mp4"),
        (b"\0\0\0\x18ftypheic", ""),
        (b"\x1a\x45\xdf\xa3\x01\x42\x82\x84webm", "webm"),
        (b"\x1a\x45\xdf\xa3\x01\x42\x82\x88matroska", ""),
        (b"%PDF-1.7", "pdf"),
        (b"<!doctype html>", ""),
        (b"<svg xmlns=", ""),
        (b"PK\x03\x04", ""),
        (b"MZ", ""),
        (b"\x7fELF", ""),
        (b"#!/bin/sh", ""),
        (b"", ""),
    ],
)
def test_a_file_is_what_it_begins_like(data, kind):
    assert kind_of(data) == kind


@given(
    st.binary(max_size=300),
    st.sampled_from(
        [
            *(b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF....WAVE", b"ID3"),
            b"\0\0\0\x10ftypM4A \0\0\0\0",
        ]
    ),
)
def test_damaged_files_are_refused_or_cleaned_and_nothing_else(rest, start):
    data = start + rest
    try:
        left = clean(kind_of(data), data)
    except UnreadableFileError:
        return
    assert 0 < len(left) <= len(data) + 36


@pytest.mark.parametrize("case", VECTORS["cleaned"], ids=lambda case: case["why"])
def test_the_same_bytes_as_in_the_browser(case):
    before = bytes.fromhex(case["before"])
    assert kind_of(before) == case["kind"]
    assert clean(case["kind"], before).hex() == case["after"]


@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda case: case["why"])
def test_the_same_refusals_as_in_the_browser(case):
    with pytest.raises(UnreadableFileError):
        clean(case["kind"], bytes.fromhex(case["before"]))


@pytest.mark.parametrize(
    "case", VECTORS["repeated"], ids=lambda case: f"{case['kind']} {case['why']}"
)
def test_files_in_too_many_parts_are_refused_as_in_the_browser(case):
    start, part, end = (bytes.fromhex(case[name]) for name in ("start", "part", "end"))
    whole = start + part * case["times"] + end
    if case["left"] is not None:
        assert len(clean(case["kind"], whole)) == case["left"]
        return
    with pytest.raises(UnreadableFileError):
        clean(case["kind"], whole)


def test_cleaning_takes_a_small_multiple_of_the_file():
    """Parts of which each would cost an object, many times its own size."""
    whole = b"\xff\xd8" + b"\xff\xdb\x00\x02" * 19_000 + b"\xff\xd9"
    tracemalloc.start()
    try:
        clean("jpeg", whole)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 3 * len(whole)
