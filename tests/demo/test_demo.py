"""`make demo`, seen through Chromium: one click signs in, people write, Ctrl-C removes all."""

import asyncio
import signal
import socket
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import async_playwright, expect

from tests.browser.wording import desk as t
from tests.browser.wording import page as on_page

ROOT = Path(__file__).parents[2]
CHROMIUM = "/usr/bin/chromium"
PATIENCE_MS = 60_000

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(300)]


def five_free_ports() -> int:
    """The first of five in a row that nobody listens on."""
    for first in range(20_000, 60_000, 5):
        try:
            for port in range(first, first + 5):
                with socket.socket() as one:
                    one.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise AssertionError("no five free ports")


@asynccontextmanager
async def demonstration(port, folder):
    """Runs until the end; then Ctrl-C, and what it said."""
    command = [sys.executable, "-m", "demo", "--port", str(port), "--every", "1"]
    child = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)},
    )
    try:
        async with asyncio.timeout(120):
            while b"Ctrl-C" not in await child.stdout.readline():
                assert child.returncode is None
        yield child
    finally:
        if child.returncode is None:
            child.send_signal(signal.SIGINT)
        said, _ = await child.communicate()
        assert b"removed" in said
    assert child.returncode == 0


@asynccontextmanager
async def a_browser():
    async with async_playwright() as player:
        browser = await player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()


async def test_two_counsellors_one_click_away_and_people_who_write_by_themselves(short_dir):
    port = five_free_ports()
    async with demonstration(port, short_dir), a_browser() as browser:
        (folder,) = short_dir.glob("havenline-demo-*")
        for code in (True, False):
            await client_pages_say_that_nobody_reads(browser, port, code=code)
        context = await browser.new_context()
        ana = await signed_in(context, port, "Ana")
        await people_write_and_thank(ana)
        jo = await signed_in(await browser.new_context(), port, "Jo")
        await expect(jo.locator("[role=option]").first).to_be_visible(timeout=PATIENCE_MS)
        again = await signed_in(context, port, "Ana")  # in a browser that knows the team already
        await expect(again.locator("[role=option]").first).to_be_visible(timeout=PATIENCE_MS)
    assert not folder.exists()
    with socket.socket() as one:
        assert one.connect_ex(("127.0.0.1", port)) != 0


async def client_pages_say_that_nobody_reads(browser, port, *, code):
    context = await browser.new_context(
        java_script_enabled=code, viewport={"width": 360, "height": 740}
    )
    page = await context.new_page()
    said = page.locator("#nobody-reads")
    await page.goto(f"http://127.0.0.1:{port}/nowhere")
    await expect(said).to_be_visible()
    await page.goto(f"http://127.0.0.1:{port}/")
    await expect(said).to_have_text(on_page("s11.nobody_reads"))
    await expect(said).to_be_in_viewport()
    if code:
        await expect(page.locator("#form-note")).to_be_hidden(timeout=PATIENCE_MS)
    await page.click("#write > summary")
    await page.fill("#text", "Is anybody there?")
    await page.click("#send")
    await page.wait_for_selector("body[data-state=phrase]")
    await expect(said).to_be_in_viewport()
    await page.click("#have-kept")
    await page.wait_for_selector("body[data-state=conversation]")
    await expect(said).to_be_visible()
    await context.close()


async def signed_in(context, port, name):
    page = await context.new_page()
    await page.goto(f"http://127.0.0.1:{port + 1}/")
    async with context.expect_page() as opened:
        await page.get_by_text(f"Sign in as {name}").click()
    desk = await opened.value
    await desk.wait_for_selector(".desk", timeout=PATIENCE_MS)
    return desk


async def people_write_and_thank(desk):
    rows = desk.locator("[role=option]")
    await expect(rows.filter(has_text=t("channel.loopback"))).not_to_have_count(
        0, timeout=PATIENCE_MS
    )
    await rows.filter(has_text="3 Danger").first.click()
    await desk.locator(".talk-head .main").click()
    await desk.wait_for_selector(".composer textarea")
    await desk.fill(".composer textarea", "We are here.")
    await desk.wait_for_selector(".composer[data-standing=ready]")
    await desk.keyboard.press("Control+Enter")
    await desk.wait_for_selector(".composer[data-standing=held]")
    await desk.keyboard.press("Control+Enter")
    await expect(desk.locator(".theirs .said")).to_have_count(2, timeout=PATIENCE_MS)
    assert await desk.get_by_text(t("verify.roster_stop")).count() == 0
