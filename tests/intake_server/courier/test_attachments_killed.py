"""A courier killed while an attachment comes or goes: the words once, the file once, no trace."""

import asyncio
import base64

import pytest

from intake_server.courier.outbound import Reason
from tests.intake_server.courier.files import JPEG, OGG, jpeg, reply_with
from tests.intake_server.courier.test_attachments import told
from tests.intake_server.courier.test_process import KILLER, courier, killed, met, person

CANARY = b"a very particular recording"
SOUND = OGG + CANARY


async def shows(kim, name: str) -> None:
    files = [["voice", base64.b64encode(SOUND).decode()]]
    kim.tell(**{"as": "kim", "say": "listen", "id": name, "files": files})


@pytest.mark.parametrize(
    ("when", "call"),
    [
        pytest.param("before", "store_first", marks=pytest.mark.long),
        pytest.param("after", "store_first", marks=pytest.mark.long),
        pytest.param("before", "arrive", marks=pytest.mark.long),
        ("after", "arrive"),
        pytest.param("before", "store_further", marks=pytest.mark.long),
        pytest.param("after", "store_further", marks=pytest.mark.long),
    ],
)
async def test_killed_anywhere_on_its_way_in_it_is_there_once(stage, when, call):
    async with courier(stage, KILLER, when, call) as child, person(stage) as kim:
        await shows(kim, "one")
        await killed(child)
    async with courier(stage), person(stage) as kim:
        await shows(kim, "one")
        assert await kim.hear() == {"acknowledged": "one"}
    row = await stage.only_row()
    assert await told(stage, row) == ["listen", ("ogg", SOUND)]
    written = b"".join(file.read_bytes() for file in stage.folder.rglob("*") if file.is_file())
    assert CANARY not in written


@pytest.mark.parametrize("when", ["before", pytest.param("after", marks=pytest.mark.long)])
async def test_killed_while_sending_no_file_goes_a_second_time(stage, when):
    row = await met(stage)
    async with courier(stage, KILLER, when, "send_attachment") as child, person(stage):
        message, _ = await reply_with(stage, row, JPEG, OGG)
        await killed(child)
    assert await stage.standing(row, message) == ("waiting", None)
    async with courier(stage), person(stage) as kim:
        assert await stage.settled(row, message) == ("failed", Reason.UNCERTAIN)
        kim.tell(listen="kim")
        kim.tell(network="up")
        assert await kim.hear() == {"network": "up"}


async def test_files_go_over_a_socket_both_ways(stage):
    async with courier(stage), person(stage) as kim:
        await shows(kim, "one")
        assert await kim.hear() == {"acknowledged": "one"}
        kim.tell(listen="kim")
        row = await stage.only_row()
        message, _ = await reply_with(stage, row, JPEG)
        async with asyncio.timeout(60):
            while "content" not in (line := await kim.hear()):
                pass
        assert base64.b64decode(line["content"]) == jpeg()
        assert await stage.settled(row, message) == ("sent", None)
