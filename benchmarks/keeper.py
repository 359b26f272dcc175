"""How many conversations a second one keeper takes, and what each costs.

Run as `python -m benchmarks.keeper`. Starts a real keeper with the default number of records, sets
a hotline up, and creates conversations with 1, 8 and 32 callers on one pipelined connection, then
with 600 callers a second. Beside it stands what this machine's disk can do: pairs of a write and a
sync to two files, one after the other.
"""

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.intake_server.keeper.world import Client, HotlineProcess
from vault.slot_files import SLOTS_NAME

RECORDS = 131_072
SECONDS = 5.0
TICKS = os.sysconf("SC_CLK_TCK")


def disk_ceiling(folder: Path, seconds: float = 2.0) -> float:
    """Writes of 256 bytes to two files of the slot file's size, each pair synced, a second."""
    fds = [os.open(folder / name, os.O_RDWR | os.O_CREAT) for name in ("a", "b")]
    for fd in fds:
        os.pwrite(fd, os.urandom(RECORDS * 256), 0)
        os.fsync(fd)
    done, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        for fd in fds:
            os.pwrite(fd, os.urandom(256), done * 7919 % RECORDS * 256)
        for fd in fds:
            os.fdatasync(fd)
        done += 1
    took = time.perf_counter() - begin
    for fd in fds:
        os.close(fd)
    return done / took


def memory_of(pid: int) -> dict[str, int]:
    """PSS and its parts in kB; needs the same rights as a debugger."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}


def cpu_of(pid: int) -> float:
    """Seconds of processor time so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def creates(
    hotline: HotlineProcess, callers: int, requests: list[bytes]
) -> tuple[float, float, list[float]]:
    """Creates a second, processor seconds of the keeper a second, and waiting times."""
    waits: list[float] = []
    end = time.perf_counter() + SECONDS

    async def call() -> None:
        while time.perf_counter() < end and requests:
            begin = time.perf_counter()
            await hotline.web.create(requests.pop())
            waits.append(time.perf_counter() - begin)

    pid = hotline.process.pid
    before, begin = cpu_of(pid), time.perf_counter()
    await asyncio.gather(*(call() for _ in range(callers)))
    took = time.perf_counter() - begin
    return len(waits) / took, (cpu_of(pid) - before) / took, sorted(waits)


async def paced(
    hotline: HotlineProcess, rate: int, requests: list[bytes]
) -> tuple[float, float, list[float]]:
    """The same with callers that come `rate` times a second, whatever the keeper does."""
    waits: list[float] = []

    async def call() -> None:
        begin = time.perf_counter()
        await hotline.web.create(requests.pop())
        waits.append(time.perf_counter() - begin)

    pid = hotline.process.pid
    before, begin = cpu_of(pid), time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(int(SECONDS * rate)):
            await asyncio.sleep(max(0.0, begin + number / rate - time.perf_counter()))
            group.create_task(call())
    took = time.perf_counter() - begin
    return len(waits) / took, (cpu_of(pid) - before) / took, sorted(waits)


def row(name: str, measured: tuple[float, float, list[float]]) -> None:
    rate, cores, waits = measured
    each = 1000 * cores / rate
    middle, late = (1000 * waits[int(len(waits) * share)] for share in (0.5, 0.99))
    print(f"{name:>16}  {rate:9.0f}  {cores:6.2f}  {each:8.2f}  {middle:8.1f}  {late:8.1f}")


async def sealed_requests(hotline: HotlineProcess, number: int) -> list[bytes]:
    start_key = (await hotline.web.hello()).start_key
    return [hotline.web_request(Client()).sealed(start_key) for _ in range(number)]


async def main() -> None:
    with tempfile.TemporaryDirectory(prefix="hl") as name:
        folder = Path(name)
        ceiling = disk_ceiling(folder)
        begin = time.perf_counter()
        hotline = HotlineProcess(folder, records=RECORDS)
        await hotline.open()
        made = time.perf_counter() - begin
        size = (folder / "keeper" / SLOTS_NAME).stat().st_size
        print(f"records {RECORDS}, {size} bytes a file; made and serving after {made:.2f} s")
        print(f"this disk: {ceiling:.0f} pairs of synced writes a second, one after the other\n")
        await hotline.set_up()
        print(f"{'callers':>16}  {'creates/s':>9}  {'cores':>6}  {'ms CPU':>8}  ", end="")
        print(f"{'ms p50':>8}  {'ms p99':>8}")
        for callers in (1, 8, 32):
            requests = await sealed_requests(hotline, int(2500 * SECONDS))
            row(str(callers), await creates(hotline, callers, requests))
        requests = await sealed_requests(hotline, int(600 * SECONDS) + 1)
        row("600 a second", await paced(hotline, 600, requests))
        status = await hotline.operator.status()
        await hotline.close()
        begin = time.perf_counter()
        await hotline.open()
        print(f"\nopened with {status['live']['conversation']} conversations", end=" ")
        print(f"after {time.perf_counter() - begin:.2f} s")
        memory = memory_of(hotline.process.pid)
        print(f"memory of the keeper: PSS {memory['Pss'] / 1024:.1f} MiB,", end=" ")
        print(f"of that its own {memory['Pss_Anon'] / 1024:.1f} MiB")
        await hotline.close()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
