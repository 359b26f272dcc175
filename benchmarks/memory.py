"""What an installation weighs: memory of its processes, and the client page on the wire.

`python benchmarks/memory.py [--contacts N] [--quick] [--as-installed]` starts a throw-away
installation with the default number of records, with every process that this checkout has, and
measures

- the proportional set size (PSS) of each after the start, after 5,000 first contacts over the
  path with JavaScript, screened, and after 200 over the path without;
- what a browser fetches before the first message can be sent: by Chromium through Playwright
  where both are there, else by following what the page names.

PSS shares what several processes map between those that map it; this script, which maps the same
interpreter, takes a small share too. Reading it for the keeper, which nobody may trace, needs
root; for others its resident size stands there instead, which is more.

With `--as-installed` the processes run in an environment of their own that has what an installation
has and no more (it is fetched by pip and thrown away): some libraries load what else they find in
an environment for developing, and weigh 4 to 7 MB more a process.
"""

import argparse
import asyncio
import contextlib
import re
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.parts import load  # noqa: E402  # the path comes first
from benchmarks.parts.hotline import (  # noqa: E402  # the path comes first
    OTHERS,
    Findings,
    Hotline,
    a_hotline,
)
from benchmarks.parts.prepared import (  # noqa: E402  # the path comes first
    GET_PAGE,
    Prepared,
    first_contacts,
    post_json,
    read_public,
)

CONTACTS = 5_000
FORMS = 200
CLIENTS = 8
MOST_KEEPER = 40.0  # MB
SMALL = """
[screening]
languages = ["en"]
"""
WHOLE = """
[channels.deltachat]
enabled = true
[channels.matrix]
enabled = true
[channels.signal]
enabled = true
number = "+10000000000"
"""
# What is loaded, the settings for it, and how much all processes may take together, in MB.
LOADED = (
    ("one language, no messenger", SMALL, 300.0),
    ("all languages, three messengers", WHOLE, 600.0),
)
MOST_PAGE, MOST_REQUESTS = 40_000, 6  # bytes before the first message can be sent
MB = 1_000_000
CHROMIUM = "/usr/bin/chromium"
HAS_CHROMIUM = Path(CHROMIUM).exists()
NAMED = re.compile(r'(?:<link[^>]+href|<script[^>]+src)="(/[^"]+)"')
IMPORTED = re.compile(r'(?:^|[;}\n])\s*import\s*(?:[^"\'()]*?from\s*)?["\'](\./[^"\']+)["\']')


# --- memory ---------------------------------------------------------------------------------


def memory_of(pid: int) -> tuple[float, bool]:
    """Megabytes, and whether they are the PSS; the resident size where that is not to be read."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except PermissionError:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    sizes = {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}
    kind = "Pss" if "Pss" in sizes else "VmRSS"
    return int(sizes[kind][0]) * 1024 / MB, kind == "Pss"


def memory(hotline: Hotline) -> dict[str, float]:
    found = {}
    for name, pid in hotline.pids.items():
        size, is_shared = memory_of(pid)
        found[name if is_shared else f"{name} (RSS)"] = size
    return found | {"together": sum(found.values())}


async def settled(hotline: Hotline) -> dict[str, float]:
    """Medians of a few looks, when nothing moves any more."""
    looks = []
    for _ in range(3):
        await asyncio.sleep(0.5)
        looks.append(memory(hotline))
    return {name: statistics.median(look[name] for look in looks) for name in looks[0]}


async def weigh(hotline: Hotline, contacts: int) -> dict[str, dict[str, float]]:
    """Memory by moment and process."""
    moments = {"after the start": await settled(hotline)}
    with contextlib.closing(Findings(hotline.database)) as findings:
        looking = asyncio.create_task(findings.follow())
        async with load.connections(hotline.port, 1) as (connection,):
            public = read_public((await connection.ask(post_json("/api/keys", {})))[1])
        prepared = first_contacts(public, contacts)
        took = await load.one_after_the_other(hotline.port, CLIENTS, prepared, 600.0)
        await findings.until_quiet()
        moments[f"{len(took.waits):,} contacts"] = await settled(hotline)
        forms = [Prepared(b" " * place) for place in range(FORMS)]
        took = await load.one_after_the_other(hotline.port, CLIENTS, forms, 600.0, load.visit)
        await findings.until_quiet()
        moments[f"and {len(took.waits):,} forms"] = await settled(hotline)
        looking.cancel()
    return moments


# --- the page -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fetched:
    """One request of the page: bytes of its body on the wire, and of its headers."""

    path: str
    body: int
    head: int = 0


async def by_following(port: int) -> list[Fetched]:
    """What the page names and its code imports at once, each compressed as it comes."""
    async with load.connections(port, 1) as (connection,):
        _, page = await connection.ask(GET_PAGE)
        head, body = await connection.fetch(GET_PAGE)
        fetched = [Fetched("/", len(body), len(head))]
        waiting = NAMED.findall(page.decode())
        while waiting:
            path = waiting.pop(0)
            request = GET_PAGE.replace(b"GET / ", f"GET {path} ".encode())
            head, body = await connection.fetch(request)
            fetched.append(Fetched(path, len(body), len(head)))
            if path.endswith(".js"):
                _, code = await connection.fetch(request.replace(b"gzip, deflate, br", b"identity"))
                waiting += [urljoin(path, name) for name in IMPORTED.findall(code.decode())]
    return fetched


async def by_chromium(port: int) -> list[Fetched]:
    """What Chromium fetches until the first message is written and only "Send" is missing."""
    from playwright.async_api import async_playwright  # noqa: PLC0415  # may be missing

    heads: dict[str, tuple[str, int]] = {}
    whole: dict[str, int] = {}

    def received(event: dict) -> None:
        path = urlsplit(event["response"]["url"]).path
        heads[event["requestId"]] = path, event["response"]["encodedDataLength"]

    def finished(event: dict) -> None:
        whole[event["requestId"]] = event["encodedDataLength"]

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM)
        page = await browser.new_page()
        wire = await page.context.new_cdp_session(page)
        await wire.send("Network.enable")
        wire.on("Network.responseReceived", received)
        wire.on("Network.loadingFinished", finished)
        await page.goto(f"http://127.0.0.1:{port}/")
        await page.click("#write > summary")
        await page.fill("#text", "Can you help me?")
        await page.wait_for_selector("#seal-note", state="visible")  # the code has taken over
        await page.wait_for_load_state("networkidle")
        await browser.close()
    return [
        Fetched(path, whole[number] - head, head)
        for number, (path, head) in heads.items()
        if number in whole
    ]


async def page_weight(port: int) -> tuple[str, list[Fetched]]:
    """How it was measured, and what was fetched."""
    if HAS_CHROMIUM:
        with contextlib.suppress(ImportError):
            return "as Chromium fetches it", await by_chromium(port)
    return "as the page names it", await by_following(port)


# --- the table ------------------------------------------------------------------------------


def told(is_met: bool) -> str:  # noqa: FBT001  # one flag, and it says what it is
    return "met" if is_met else "MISSED"


def print_memory(what: str, limit: float, moments: dict[str, dict[str, float]]) -> None:
    names = next(iter(moments.values()))
    print(f"{what}\n{'memory in MB':16}" + "".join(f"{moment:>18}" for moment in moments))
    for name in names:
        print(f"{name:16}" + "".join(f"{sizes[name]:18.1f}" for sizes in moments.values()))
    most = {name: max(sizes[name] for sizes in moments.values()) for name in names}
    together = most.pop("together")
    keeper = next(size for name, size in most.items() if name.startswith("keeper"))
    print(f"\n{len(most)} processes below {limit:.0f} MB: {told(together < limit)}")
    print(f"keeper below {MOST_KEEPER:.0f} MB: {told(keeper < MOST_KEEPER)}\n")


def print_page(how: str, fetched: list[Fetched]) -> None:
    print(f"\nthe client page until a first message can be sent, {how}")
    for one in fetched:
        print(f"{one.path:44}{one.body:>8,} bytes, headers {one.head:>6,}")
    body, head = sum(one.body for one in fetched), sum(one.head for one in fetched)
    print(f"{f'{len(fetched)} requests':44}{body:>8,} bytes, headers {head:>6,}")
    print(f"below {MOST_PAGE:,} bytes without headers: {told(body < MOST_PAGE)}")
    print(f"at most {MOST_REQUESTS} requests: {told(len(fetched) <= MOST_REQUESTS)}")


@contextlib.contextmanager
def installed():
    """The interpreter of an environment with the packages of an installation; removed after."""
    with tempfile.TemporaryDirectory(prefix="hl") as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = str(Path(folder) / "bin" / "python")
        subprocess.run(
            [
                *(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
                *("--require-hashes", "--only-binary", ":all:"),
                *("-r", str(ROOT / "requirements" / "run.txt")),
            ],
            check=True,
        )
        yield python


async def measure(contacts: int, python: str) -> None:
    for what, more, limit in LOADED:
        async with a_hotline(*OTHERS, more=more, python=python) as hotline:
            absent = [name for name in OTHERS if name not in hotline.pids]
            if absent:
                print(f"not in this checkout, so not measured: {', '.join(absent)}")
            await asyncio.sleep(2)  # the screening key has come to the page by then
            how, fetched = await page_weight(hotline.port)
            print_memory(what, limit, await weigh(hotline, contacts))
    print_page(how, fetched)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=CONTACTS)
    parser.add_argument("--quick", action="store_true", help="a tenth of the contacts")
    parser.add_argument("--as-installed", action="store_true", help="without other packages")
    given = parser.parse_args()
    contacts = given.contacts // 10 if given.quick else given.contacts
    with installed() if given.as_installed else contextlib.nullcontext(sys.executable) as python:
        asyncio.run(measure(contacts, python))


if __name__ == "__main__":
    main()
