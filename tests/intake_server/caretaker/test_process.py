"""The caretaker as a real process: started, stopped, killed between two steps, started again."""

import asyncio
import contextlib
import json
import signal
import stat
import sys

import pytest

from intake_server.caretaker.forgetting import Step
from vault.keeper_protocol import Refused
from vault.keeper_requests import Periods

HOUR = 3600
SHORT = Periods(inactivity=1, absolute=24, closed=1)


@contextlib.asynccontextmanager
async def process(stage, *command):
    (stage.folder / "havenline.toml").write_text('[screening]\nmode = "off"\n')
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *command, "--data", str(stage.folder)),
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()


async def health_of(stage) -> dict:
    """What the process says of itself, once it listens."""
    path = stage.settings.data.run_dir / "caretaker-health.sock"
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_unix_connection(path)
                line = await reader.readline()
                writer.close()
                return json.loads(line)
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("step", Step)
async def test_a_kill_between_freed_and_deleted_brings_nothing_back(stage, step):
    client, _ = await stage.write_web(periods=SHORT)
    other, _ = await stage.write_web()
    stage.clock.turn(2 * HOUR)
    killer = "tests.intake_server.caretaker.killed_caretaker"
    async with process(stage, killer, step.value) as child:
        async with asyncio.timeout(30):
            assert await child.wait() == -signal.SIGKILL
    with pytest.raises(Refused):
        await stage.web.find(client.lookup_tag)
    async with process(stage, "intake_server.caretaker") as child:
        assert (await health_of(stage))["ok"] is True
        assert [row.id for row in await stage.rows()] == [other.conversation_id]
        assert client.conversation_id not in stage.files()
        child.terminate()
        async with asyncio.timeout(60):
            assert await child.wait() == 0


async def test_it_makes_its_seed_once_and_for_nobody_else(bare):
    seed = bare.folder / "caretaker" / "seed"
    seed.unlink()
    for _ in range(2):
        async with process(bare, "intake_server.caretaker") as child:
            await health_of(bare)
            assert stat.S_IMODE(seed.stat().st_mode) == 0o600
            made = seed.read_bytes()
            child.terminate()
            await child.wait()
        assert seed.read_bytes() == made
        (bare.settings.data.run_dir / "caretaker-health.sock").unlink(missing_ok=True)


async def test_it_says_in_one_sentence_why_it_does_not_start(stage):
    (stage.folder / "caretaker" / "seed").write_bytes(b"short")
    async with process(stage, "intake_server.caretaker") as child:
        said = await child.stderr.read()
        assert await child.wait() == 2
    assert b"does not start" in said
    assert b"Restore it from the encrypted backup" in said
    assert b"Traceback" not in said
