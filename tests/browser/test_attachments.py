"""Pictures and recordings in Chromium: sealed on the phone, blurred at the desk, gone when left."""

import struct
import zlib

import pytest
from playwright.async_api import expect

from tests.browser.looks import CLIENT_WIDTHS, DESK_WIDTHS, Looks
from tests.browser.phone import PATIENCE_MS, stored
from tests.browser.wording import desk as on_desk
from tests.browser.wording import page as on_page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(300),
]

CANARY = b"canary-in-a-file-5d1c"
PLEA = "I have a photo of the contract"


def png(side: int = 40, text: bytes = CANARY) -> bytes:
    """A red square that says who made it, as programs write it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    rows = b"".join(b"\0" + b"\xd0\x20\x20" * side for _ in range(side))
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", head),
            chunk(b"tEXt", b"Author\0" + text),
            chunk(b"IDAT", zlib.compress(rows)),
            chunk(b"IEND", b""),
        )
    )


def wav(seconds: float = 0.2) -> bytes:
    """Silence, with a tag that names its maker."""
    sound = b"\x80" * int(8_000 * seconds)
    form = struct.pack("<HHIIHH", 1, 1, 8_000, 8_000, 1, 8)
    tag = b"LIST" + struct.pack("<I", len(CANARY) + 1) + CANARY + b"\0"
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + tag + b"data"
    body += struct.pack("<I", len(sound)) + sound
    return b"RIFF" + struct.pack("<I", len(body)) + body


def as_file(name: str, content: bytes) -> dict:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}


async def choose(phone, *files: dict) -> None:
    if not await phone.page.locator("#attach[open]").count():
        await phone.page.click("#attach > summary")
    await phone.page.set_input_files("#files", list(files))
    await phone.page.get_by_role("button", name=on_page("a01.send_files")).click()


def on_disk(stack) -> bytes:
    return b"".join(file.read_bytes() for file in stack.data.rglob("*") if file.is_file())


async def open_talk(phone, house):
    before, _ = stored(house.stack)
    await phone.write_first(PLEA)
    await phone.keep()
    (conversation,) = stored(house.stack)[0] - before
    await phone.page.wait_for_selector("#attach")
    return conversation


async def test_a_picture_and_a_recording_reach_the_team_blurred_and_clean(house, desk, phone):
    looks = Looks()
    conversation = await open_talk(phone, house)
    await choose(phone, as_file("Anna at home.png", png()), as_file("me.wav", wav()))
    await expect(phone.page.locator("#new-answer")).to_have_text(
        on_page("a03.arrived"), timeout=PATIENCE_MS
    )
    await expect(phone.page.locator("#rows .said").last).to_contain_text(on_page("a05.picture"))
    await looks.take(phone.page, "attachments", CLIENT_WIDTHS, way_out=True)
    assert CANARY not in on_disk(house.stack)
    assert b"Anna at home" not in on_disk(house.stack)

    talk = await desk.take(conversation)
    attached = talk.locator(".attached")
    await expect(attached).to_have_count(2)
    await expect(talk.locator(".attachments")).to_contain_text(on_desk("attached.not_screened"))
    await attached.first.get_by_role("button", name=on_desk("attached.open")).click()
    cover = talk.locator(".blurred")
    await expect(cover).to_have_attribute("aria-pressed", "false", timeout=PATIENCE_MS)
    blurred = "getComputedStyle(document.querySelector('.blurred img')).filter"
    assert "blur" in await desk.page.evaluate(blurred)
    await looks.take(desk.page, "blurred", DESK_WIDTHS)
    await cover.focus()
    await desk.page.keyboard.press("Enter")
    assert await desk.page.evaluate(blurred) == "none"
    drawn = "document.querySelector('.blurred img')"
    await expect(cover).to_have_attribute("aria-pressed", "true")
    size = await desk.page.evaluate(f"[{drawn}.naturalWidth, {drawn}.complete]")
    assert size == [40, True]

    await attached.nth(1).get_by_role("button", name=on_desk("attached.play")).click()
    await talk.locator("audio").wait_for()
    address = await desk.page.evaluate(f"{drawn}.src")
    assert address.startswith("blob:")
    sound = await desk.page.evaluate("document.querySelector('audio').src")
    still = """(at) => new Promise((done) => {
      const image = new Image();
      image.onload = () => done(true);
      image.onerror = () => done(false);
      image.src = at;
    })"""
    assert await desk.page.evaluate(still, address)
    assert sound.startswith("blob:")
    await desk.lock()
    assert not await desk.page.evaluate(still, address)
    assert (phone.complaints, desk.complaints) == ([], [])
    assert (looks.sideways, looks.way_out, looks.accessibility) == ([], [], [])


async def test_what_cannot_be_sent_is_told_and_the_words_stay(house, desk, phone):
    await open_talk(phone, house)
    await phone.page.fill("#answer", "these words stay")
    _, before = stored(house.stack)
    large = as_file("film.mp4", b"\0\0\0\x18ftypisom" + bytes(11_000_000))
    refused = [
        ([large], "a04.too_large"),
        ([as_file("a.png", png())] * 6, "a04.too_many_files"),
        ([as_file("photo.jpg", b"<html><script>alert(1)</script>")], "a04.kind"),
        ([as_file("photo.jpg", b"<svg xmlns='http://www.w3.org/2000/svg'/>")], "a04.kind"),
        ([as_file("photo.png", png()[:60])], "a04.unreadable"),
    ]
    for files, told in refused:
        await choose(phone, *files)
        problem = phone.page.locator("#attach .problem")
        await expect(problem).to_have_text(on_page(told), timeout=PATIENCE_MS)
    assert stored(house.stack)[1] == before
    assert await phone.page.input_value("#answer") == "these words stay"
    assert phone.complaints == []


async def test_the_team_sends_a_picture_that_is_shown_and_taken_away(house, desk, phone):
    conversation = await open_talk(phone, house)
    talk = await desk.take(conversation)
    await talk.locator(".attach > summary").click()
    await talk.locator(".attach input").set_input_files([as_file("office.png", png())])
    await talk.locator(".attach button").click()
    await expect(talk.locator(".ours .attached")).to_have_count(1, timeout=PATIENCE_MS)
    ours = phone.page.locator("#rows .ours")
    await ours.get_by_role("button", name=on_page("a06.show_picture")).click(timeout=PATIENCE_MS)
    image = ours.locator("img.attached")
    await expect(image).to_be_visible()
    await ours.get_by_role("button", name=on_page("a06.hide")).click()
    await expect(image).to_have_count(0)
    async with phone.page.expect_download() as saving:
        await ours.get_by_role("button", name=on_page("a06.save")).click()
    saved = await saving.value
    assert saved.suggested_filename == "file-1.png"
    content = (await saved.path()).read_bytes()
    assert content.startswith(b"\x89PNG")
    assert CANARY not in content
    assert (phone.complaints, desk.complaints) == ([], [])
