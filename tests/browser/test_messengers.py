"""What a counsellor sees of somebody who writes from a messenger, in a whole hotline."""

import base64
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.looks import DESK_WIDTHS, Looks
from tests.browser.phone import PATIENCE_MS
from tests.browser.test_attachments import CANARY, as_file, on_disk, png, wav
from tests.browser.wording import desk as t
from tests.flows.people import LoopbackPerson
from tests.flows.stack import until

pytestmark = [
    pytest.mark.long,
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(400),
]
PICTURES = os.environ.get("HAVENLINE_PICTURES")  # a folder, for whoever wants to look


def rows(house, statement: str) -> list[tuple]:
    with closing(sqlite3.connect(house.stack.data / "database" / "havenline.sqlite3")) as raw, raw:
        return raw.execute(statement).fetchall()


def reached(house) -> set[bytes]:
    """The conversations with an address; other tests leave theirs in the same house."""
    return {one for (one,) in rows(house, "SELECT conversation FROM addresses")}


async def new_conversation(house, before: set[bytes]) -> str:
    async def there():
        return reached(house) - before

    (one,) = await until(there, "the conversation is stored")
    return base64.urlsafe_b64encode(one).rstrip(b"=").decode()


async def picture(page, name: str) -> None:
    """The screen at two widths, light and dark, and from right to left."""
    if PICTURES is None:
        return
    before = page.viewport_size
    for width, scheme, direction in (
        (1280, "light", "ltr"),
        (1280, "dark", "rtl"),
        (360, "light", "rtl"),
        (360, "dark", "ltr"),
    ):
        await page.evaluate("(dir) => { document.documentElement.dir = dir; }", direction)
        await page.set_viewport_size({"width": width, "height": 800})
        await page.emulate_media(color_scheme=scheme)
        path = Path(PICTURES) / f"{name}-{width}-{scheme}-{direction}.png"
        await page.screenshot(path=path)
    await page.evaluate("document.documentElement.dir = 'ltr'")
    await page.emulate_media(color_scheme="light")
    await page.set_viewport_size(before)


async def test_a_messenger_client_at_the_desk(house, desk):
    looks, kim, before = Looks(), LoopbackPerson(house.stack, "kim"), reached(house)
    await kim.say("hello, are you there?", "1")
    await kim.say(None, "2", attachments=["voice"])
    opens = (datetime.now(UTC) + timedelta(hours=2)).hour
    await kim.say(f"/hours {opens}-{(opens + 1) % 24}", "3")
    key = await new_conversation(house, before)
    talk = await desk.take(key)
    await expect(talk.locator(".facts")).to_contain_text("can be answered by")
    await expect(talk).to_contain_text(t("event.voice"))
    begin, end = f"{opens:02}:00", f"{(opens + 1) % 24:02}:00"
    await expect(talk).to_contain_text(t("event.safe_hours", begin=begin, end=end))

    await desk.reply("We are here.")
    waits = t("state.safe_hours")
    await expect(talk.locator(".line.ours")).to_contain_text(waits, timeout=PATIENCE_MS)
    assert "We are here." not in await kim.hear(wait=1.0)
    await looks.take(desk.page, "waits for safe hours", DESK_WIDTHS)
    await picture(desk.page, "waits")

    rows(house, "DELETE FROM addresses")
    await desk.lock()
    await desk.unlock()
    await desk.open(key)
    await expect(desk.page.locator(".composer")).to_contain_text(t("answer.no_way"))
    await expect(desk.page.locator(".facts")).to_contain_text(t("talk.not_reached"))
    assert await desk.field.get_attribute("readonly") is not None
    await looks.take(desk.page, "nobody to answer", DESK_WIDTHS)
    await picture(desk.page, "no-way")
    assert (looks.sideways, looks.accessibility) == ([], [])


async def test_files_come_and_go_by_messenger(house, desk):
    """Blurred and without hidden details here; there as it was chosen, with a neutral name."""
    looks, ida, before = Looks(), LoopbackPerson(house.stack, "ida"), reached(house)
    await ida.say("a picture and a paper", "1")
    assert "acknowledged" in await ida.show("picture", png(), "2")
    await ida.show("file", b"something else", "3")
    talk = await desk.take(await new_conversation(house, before))
    await expect(talk).to_contain_text(t("event.wrong_kind"))
    await expect(talk.locator(".attachments")).to_contain_text(t("attached.not_screened"))
    await talk.get_by_role("button", name=t("attached.open")).click()
    cover = talk.locator(".blurred")
    await expect(cover).to_have_attribute("aria-pressed", "false", timeout=PATIENCE_MS)
    await looks.take(desk.page, "a file by messenger", DESK_WIDTHS)
    await picture(desk.page, "by-messenger")
    assert CANARY not in on_disk(house.stack)

    attach = talk.locator("details.attach")
    await attach.locator("summary").click()
    await attach.locator("input[type=file]").set_input_files([as_file("Ana's.wav", wav())])
    await picture(desk.page, "to-messenger")
    await attach.locator("form button").click()
    sent = talk.locator(".line.ours .meta").first
    await expect(sent).to_contain_text(t("state.sent"), timeout=PATIENCE_MS)
    (heard,) = await ida.files()
    assert heard.startswith(b"RIFF")
    assert CANARY not in heard
    assert (looks.sideways, looks.accessibility) == ([], [])
