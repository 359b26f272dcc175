"""Schemathesis asks everything that docs/openapi describes, rightly and wrongly.

It has an environment of its own (`make proof-openapi` makes it), named by HAVENLINE_SCHEMATHESIS;
HAVENLINE_EXAMPLES is the number of requests that it makes up for each path and phase. No answer
may be a failure of the server, one that is not described, or a good one to a malformed request.
"""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from tests.flows.people import Client, Counsellor
from tests.flows.stack import a_stack, http

pytestmark = [pytest.mark.proof, pytest.mark.long, pytest.mark.timeout(3600)]

ROOT = Path(__file__).parents[2]
PROGRAM = os.environ.get("HAVENLINE_SCHEMATHESIS", str(ROOT / ".venv-proof/bin/schemathesis"))
EXAMPLES = os.environ.get("HAVENLINE_EXAMPLES", "200")
SEED = os.environ.get("HAVENLINE_PROOF_SEED", "2026")
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance,negative_data_rejection"
)
NOTHING = "^$"
# The first goes on for ever, the second ends the session; the third brings chunks larger than
# anything that is made up (tests/proof/test_fuzz.py breaks those).
NOT_ASKED = "^/api/(events|signout|attach)$"


async def judged(url: str, document: str, but: str, *more: str) -> str:
    child = await asyncio.create_subprocess_exec(
        *(PROGRAM, "run", str(ROOT / "docs/openapi" / document), "--url", url),
        *("--checks", CHECKS, "--max-examples", EXAMPLES, "--seed", SEED, "--no-color"),
        *("--exclude-path-regex", but, "--request-timeout", "30", *more),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await child.communicate()
    text = said.decode()
    assert child.returncode == 0, text[-6000:]
    print(text[-800:])  # noqa: T201 -- what a proof showed, for docs/proofs.md
    return text


async def test_page_and_desk_answer_everything_as_described():
    if shutil.which(PROGRAM) is None:
        pytest.fail("schemathesis is not there: run this part by `make proof-openapi`")
    async with a_stack() as stack, http() as net:
        ana = Counsellor(stack, net)
        await ana.set_up()
        await ana.sign_in()
        before = Client(stack, net)
        await before.write_first("before")
        pids = stack.pids()
        await judged(stack.web, "web.json", NOTHING)
        session = f"Havenline-Session: {ana.session}"
        await judged(stack.desk, "desk.json", NOT_ASKED, "-H", session)
        assert stack.pids() == pids, "a process was started again"
        assert [message.text for message in await before.come_back()] == ["before"]
        assert "request_failed" not in stack.log.read_text()
