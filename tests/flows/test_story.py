"""One message in, one answer out, forgotten for good: by every path, through real sockets."""

import asyncio
import os
import signal

import pytest

from tests.flows.people import (
    Client,
    Counsellor,
    FormClient,
    LoopbackPerson,
    Refused,
    post,
    to_bytes,
    to_text,
)
from tests.flows.stack import until
from vault import sealing
from vault.roster import fingerprint_words
from vault.sealing import CannotOpen

pytestmark = pytest.mark.timeout(180)

PLEA = "my boss took my passport and we work until 12 at night"


async def screened(ana, conversation):
    """The queue's row, once screening has looked at it."""

    async def row():
        found = await ana.row(conversation)
        return found if found and found["urgency_by"] == "screened" else None

    return await until(row, "the message is screened")


async def opens_nothing(client):
    fresh = Client(client.stack, client.http, phrase=client.phrase)
    with pytest.raises(CannotOpen):
        await fresh.come_back()


async def test_before_anybody_holds_the_team_key_no_text_is_taken(stack, net):
    page = await FormClient(stack, net).visit()
    assert page.state == "closed"
    assert "textarea" not in page.raw
    assert "Other House" in page.raw
    client = Client(stack, net)
    with pytest.raises(Refused) as refused:
        await client.load()
    assert refused.value.code == "closed"


async def test_set_up_may_be_repeated_and_pins_one_root(stack, net):
    ana = Counsellor(stack, net)
    token = ana.set_up_token()
    body = await ana.set_up_body(token)
    first = await ana.ask("/api/setup", body)
    again = await ana.ask("/api/setup", body)
    assert first == again
    other = Counsellor(stack, net, name="Eve")
    with pytest.raises(Refused):
        await other.ask("/api/setup", await other.set_up_body(token))
    await ana.sign_in()
    assert to_text(ana.chain.fingerprint) == first["fingerprint"]
    words = "  ".join(fingerprint_words(ana.chain.fingerprint))
    await until(lambda: words in stack.log.read_text(), "the terminal prints the words")


async def test_the_whole_story_with_code_in_the_browser(stack, net, ana):
    mira = Client(stack, net)
    stored = await mira.write_first(PLEA, name="Mira")
    assert stored["due"] <= stored["latest"]

    row = await screened(ana, mira.conversation)
    assert (row["urgency"], row["channel"], row["state"]) == (2, "web", "waiting")
    assert (await ana.claim(mira.conversation))["won"]
    opened = await ana.open(mira.conversation)
    assert [(m.text, m.name, m.verified) for m in opened.read()] == [(PLEA, "Mira", True)]
    (finding,) = opened.findings()
    spans = {PLEA[f["start"] : f["end"]] for f in finding["findings"]}
    assert any("passport" in span for span in spans)

    await opened.reply("Thank you for writing. Are you alone now?")
    seen = mira.read((await mira.poll())["messages"])
    assert [(m.text, m.name, m.verified) for m in seen] == [
        (PLEA, "Mira", True),
        ("Thank you for writing. Are you alone now?", "Ana", True),
    ]

    back = Client(stack, net, phrase=mira.phrase)
    assert len(await back.come_back()) == 2
    await back.write("yes for 10 minutes")
    again = await ana.open(mira.conversation)
    assert again.read()[-1].text == "yes for 10 minutes"
    assert again.read()[-1].verified

    assert await back.change_due(back.due - 86_400) == back.due - 86_400
    await back.erase()
    await opens_nothing(mira)
    assert await ana.row(mira.conversation) is None
    with pytest.raises(Refused):
        await again.reply("too late")


async def test_the_whole_story_with_forms_only(stack, net, ana):
    page = await FormClient(stack, net).visit()
    assert page.state == "opening"
    token = page.page.token
    sent = await page.send("send", text=PLEA, name="Mira")
    assert sent.state == "phrase"
    digits = sent.digits()

    twin = FormClient(stack, net)
    twin.page.token = token
    assert (await twin.send("send", text=PLEA, name="Mira")).digits() == digits
    rows = await ana.queue()
    assert len(rows) == 1

    conversation = to_bytes(rows[0]["conversation"])
    await ana.claim(conversation)
    opened = await ana.open(conversation)
    assert [(m.text, m.name, m.verified) for m in opened.read()] == [(PLEA, "Mira", True)]
    await opened.reply("We read you.")

    await sent.send("look")
    assert sent.state == "conversation"
    assert "We read you." in sent.text("rows")

    back = await FormClient(stack, net).visit()
    await back.send("open", phrase=digits)
    assert back.state == "conversation"
    assert PLEA in back.text("rows")
    await back.send("answer", text="thank you")
    assert (await ana.open(conversation)).read()[-1].text == "thank you"

    await back.send("erase")
    assert back.state == "receipt"
    assert await ana.row(conversation) is None
    nothing = await FormClient(stack, net).visit()
    await nothing.send("open", phrase=digits, text="kept beside it")
    assert "opens nothing" in nothing.text("back-problem")
    assert "kept beside it" in nothing.raw


async def test_the_whole_story_over_a_messenger(stack, ana):
    kim = LoopbackPerson(stack, "kim-7741")
    await kim.say("please help me", "1")
    rows = await until(ana.queue, "the message is queued")
    assert rows[0]["channel"] == "loopback"
    conversation = to_bytes(rows[0]["conversation"])
    await kim.say("please help me", "1")
    await kim.say("he is at work", "2")
    assert len(await ana.queue()) == 1

    await ana.claim(conversation)
    opened = await ana.open(conversation)
    assert [m.text for m in opened.read()] == ["please help me", "he is at work"]
    assert all(m.verified for m in opened.read())
    await opened.reply("We are here.")
    await until(lambda: _heard(kim, "We are here."), "the answer arrives")
    assert (await kim.hear()).count("We are here.") == 1


async def _heard(person, text):
    return text in await person.hear(wait=0.5)


async def test_what_is_not_signed_by_the_team_never_leaves(stack, ana):
    kim = LoopbackPerson(stack, "kim-9")
    await kim.say("hello, can you help me", "1")
    rows = await until(ana.queue, "the message is queued")
    conversation = to_bytes(rows[0]["conversation"])
    await ana.claim(conversation)
    opened = await ana.open(conversation)
    forger = sealing.sign_keys(sealing.Secret(sealing.random_bytes(32)))
    await ana.ask("/api/reply", await opened.reply_body("forged words", signer=forger))
    await ana.ask("/api/reply", await (await ana.open(conversation)).reply_body("true words"))
    await until(lambda: _heard(kim, "true words"), "the true answer arrives")
    assert "forged words" not in await kim.hear()

    async def failed():
        answer = (await ana.open(conversation)).answer
        return [one for one in answer["outbox"] if one["state"] == "failed"]

    assert await until(failed, "the desk shows that it was not sent")


async def test_it_all_stands_after_a_restart(stack, net, ana):
    mira = Client(stack, net)
    await mira.write_first(PLEA, name="Mira")
    await ana.claim(mira.conversation)
    opened = await ana.open(mira.conversation)
    await opened.reply("first answer")
    await stack.stop()
    await stack.start()
    with pytest.raises(Refused) as refused:
        await ana.queue()
    assert refused.value.code == "signed_out"
    ana.session = ""
    await ana.sign_in()
    assert [m.text for m in (await ana.open(mira.conversation)).read()] == [PLEA, "first answer"]
    back = Client(stack, net, phrase=mira.phrase)
    assert [m.text for m in await back.come_back()] == [PLEA, "first answer"]


@pytest.mark.usefixtures("ana")
async def test_a_process_that_dies_comes_back_and_nothing_acknowledged_is_lost(stack, net):
    mira = Client(stack, net)
    await mira.write_first(PLEA)
    for name in ("web", "caretaker", "courier", "keeper"):
        before = stack.pids()[name]
        os.kill(before, signal.SIGKILL)

        async def is_back(name=name, before=before):
            pids = stack.pids()
            return pids.get(name) not in (None, before) and await stack.is_up()

        await until(is_back, f"{name} is started again")
        back = Client(stack, net, phrase=mira.phrase)

        async def reads(back=back):
            try:
                return await back.come_back()
            except Refused:
                return None

        assert [m.text for m in await until(reads, "the phrase opens")] == [PLEA]


async def test_fifty_claims_at_once_have_one_winner(stack, net, ana):
    mira = Client(stack, net)
    await mira.write_first(PLEA)
    await ana.claim(mira.conversation)
    answers = await asyncio.gather(*(ana.claim(mira.conversation) for _ in range(50)))
    assert all(answer["holder"] == to_text(ana.staff_id) for answer in answers)


async def test_retries_and_double_taps_store_one_message(stack, net, ana):
    mira = Client(stack, net)
    body = await mira.first_body(PLEA)
    answers = await asyncio.gather(*(post(net, f"{stack.web}/api/first", body) for _ in range(20)))
    assert all(answer["stored"] for answer in answers)
    assert len(await mira.come_back()) == 1
    assert len(await ana.queue()) == 1
