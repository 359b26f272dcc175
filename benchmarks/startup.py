"""How long an installation takes from `havenline up` until all five processes answer.

`python benchmarks/startup.py [--times N]` starts a throw-away one with the default number of
records: the first time, when it makes slot file and database, and again, with every language and
with one; and says how long each process takes until its socket answers.
"""

import argparse
import asyncio
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.parts.hotline import CONFIG, free_port  # noqa: E402  # the path comes first

TIMES = 3
PATIENCE = 120.0
LOOK_EVERY = 0.005
SOCKETS = {  # by which each is asked how it is
    "keeper": "keeper-operator.sock",
    "caretaker": "caretaker-health.sock",
    "courier": "courier-health.sock",
    "desk": "desk-health.sock",
    "web": "web-health.sock",
}
MORE = """
[safety]
allow_swap = true
allow_core_dumps = true
"""
LOADED = {"every language": "", "one language": '[screening]\nlanguages = ["en"]\n'}


async def started(folder: Path, config: Path) -> dict[str, float]:
    """Seconds until each answers; what was started is ended again."""
    waiting = {name: folder / "data" / "run" / path for name, path in SOCKETS.items()}
    for path in waiting.values():
        path.unlink(missing_ok=True)
    begin = time.perf_counter()
    with (folder / "log").open("ab") as log:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "intake_server.cli", "up"),
            *("--data", str(folder / "data"), "--config", str(config)),
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )
    found: dict[str, float] = {}
    try:
        async with asyncio.timeout(PATIENCE):
            while len(found) < len(SOCKETS):
                if child.returncode is not None:
                    raise SystemExit(f"it does not start:\n{(folder / 'log').read_text()[-2000:]}")
                for name, path in waiting.items():
                    if name not in found and await answers(path):
                        found[name] = time.perf_counter() - begin
                await asyncio.sleep(LOOK_EVERY)
    finally:
        if child.returncode is None:
            child.send_signal(signal.SIGINT)
        await child.wait()
    return found


async def answers(path: Path) -> bool:
    try:
        _, writer = await asyncio.open_unix_connection(str(path))
    except OSError:
        return False
    writer.close()
    return True


async def measure(times: int) -> None:
    os.umask(0o077)
    heads = "".join(f"{name:>11}" for name in SOCKETS)
    print(f"{'seconds until it answers':30}{heads}       all")
    for loaded, more in LOADED.items():
        folder = Path(tempfile.mkdtemp(prefix="hl", dir=os.environ.get("BENCH_DIR")))
        config = folder / "havenline.toml"
        config.write_text(CONFIG.format(web=free_port(), desk=free_port()) + MORE + more)
        found = defaultdict(list)
        try:
            for number in range(times + 1):
                when = "again" if number else "first"
                sys.stderr.write(f"starting: {loaded}, {when}\n")
                found[when].append(await started(folder, config))
        finally:
            shutil.rmtree(folder)
        for when, each in found.items():
            middles = [statistics.median(one[name] for one in each) for name in SOCKETS]
            every = statistics.median(max(one.values()) for one in each)
            shown = "".join(f"{middle:11.2f}" for middle in middles)
            print(f"{f'{loaded}, {when}':30}{shown}{every:10.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=TIMES)
    asyncio.run(measure(parser.parse_args().times))


if __name__ == "__main__":
    main()
