"""The web process's own memory, searched for what people wrote: after either path.

With JavaScript it never sees a text: none. Without, it sees text and phrase during the request;
how much of them is there a minute later is counted and said (docs/limits.md), since Python gives
no promise about it. HAVENLINE_MEMORY_WAIT is that minute, in seconds.
"""

import asyncio
import os

import pytest

from tests.flows.people import Client, Counsellor, FormClient
from tests.flows.stack import a_stack, http
from tests.proof.memory import occurrences

pytestmark = [pytest.mark.proof, pytest.mark.long, pytest.mark.timeout(900)]

WAIT = float(os.environ.get("HAVENLINE_MEMORY_WAIT", "60"))
SEALED = "canary-7f3a-sealed-in-the-browser"
SENT = "canary-91c4-sent-as-a-form"
PEOPLE = 20


def test_the_search_finds_what_is_there():
    here = b"".join((b"canary-", b"55aa", b"-of-this-very-test"))
    assert occurrences(os.getpid(), [here, b"never-" + here[::-1][:12]])[here] >= 1


async def test_nothing_is_left_of_the_first_path_and_how_much_of_the_second():
    async with a_stack() as stack, http() as net:
        ana = Counsellor(stack, net)
        await ana.set_up()
        web = stack.pids()["web"]
        for _ in range(PEOPLE):
            client = Client(stack, net)
            await client.write_first(SEALED)
            await client.write(SEALED)
            again = Client(stack, net, phrase=client.phrase)
            await again.come_back()
        wanted = [SEALED.encode(), " ".join(again.words().split()[:3]).encode()]
        assert set(occurrences(web, wanted).values()) == {0}

        forms, digits = [], []
        for number in range(PEOPLE):
            form = await FormClient(stack, net).visit()
            await form.send("send", text=f"{SENT}-{number:02}")
            assert form.state == "phrase"
            forms.append(f"{SENT}-{number:02}".encode())
            digits.append(form.digits().encode())
        at_once = sum(occurrences(web, [*forms, *digits]).values())
        await asyncio.sleep(WAIT)
        left = occurrences(web, [*forms, *digits])
        texts, phrases = (sum(left[each] for each in some) for some in (forms, digits))
        print(  # noqa: T201 -- what a proof showed, for docs/proofs.md
            f"{PEOPLE} people with JavaScript: 0; {PEOPLE} without: {at_once} places at once, "
            f"{texts} texts and {phrases} phrases after {WAIT:.0f} s"
        )
        assert stack.pids()["web"] == web
