"""A page goes on with a chat: web, desk and keeper over real sockets, with and without code."""

from dataclasses import dataclass

import msgspec
import pytest

from intake_server.settings import ChannelSettings, LoopbackSettings
from intake_server.web.form_asking import read_code
from tests.browser.wording import page as words
from tests.flows.people import Client, FormClient, Refused, to_bytes, to_text, u32
from tests.intake_server.keeper.world import Client as ChatClient
from tests.vault.rows import from_client
from vault import addresses, conversations, letting_in, messages, sealing, wraps
from vault.conversations import NewConversation
from vault.engine import DatabaseFailed
from vault.keeper_protocol import Refused as KeeperRefused
from vault.page_proposal import Proposal, number_for, sealed_proposal
from vault.sealing import CannotOpen

ASKING, WRAP, LET_IN, REFUSE = 0x69, 0x6A, 0x6B, 0x6C


@dataclass
class Chat:
    """A chat's conversation, with the keys that the team opens it with."""

    place: object
    client: ChatClient
    address: object

    @property
    def conversation(self):
        return self.client.conversation_id

    async def code(self):
        return await self.place.hotline.chat_pages.make_code(self.address)

    async def says(self, number):
        """The chat repeats a number, as the courier takes it; the hash that it names then."""
        asked = await self.place.hotline.chat_pages.asked(self.address)
        assert number_for(asked.code, asked.hash) == number
        await self.place.hotline.chat_pages.confirm(self.address, asked.hash)
        return asked.hash


@pytest.fixture
async def chat(place):
    client = ChatClient()
    request, made = await place.hotline.message_in(client)
    new = NewConversation(
        id=request.conversation_id,
        slot=made.reference.slot,
        tag=made.reference.tag,
        channel="signal",
        language="",
        danger=False,
        epoch=1,
        outer_team=made.team_wrap,
        outer_client=None,
        due=made.due,
        latest=made.latest,
        now=place.clock.unix(),
    )
    at, until = made.address, place.clock.unix() + 48 * 3600

    def work(c):
        conversations.create(c, new)
        addresses.put(c, new.id, "signal", at.slot, at.tag, made.outer_address)
        addresses.set_until(c, new.id, "signal", until)

    await place.write(work)
    return Chat(place, client, made.address)


class Decides:
    """What a counsellor's browser does about a page that asks."""

    def __init__(self, ana, chat):
        self.ana, self.chat = ana, chat

    async def proof(self, verb, *signed):
        row = await self.ana.row(self.chat.conversation)
        reference = to_bytes(row["reference"])
        return await self.ana.prove(verb, reference, self.ana.staff_id, *signed)

    async def asking(self):
        fields, read = await self.proof(ASKING)
        body = fields | {"conversation": to_text(self.chat.conversation)}
        answer = await self.ana.ask("/api/page/asking", body)
        return Proposal(*read(answer["answer"], 4))

    async def takes(self):
        """Take the conversation and read all of it; the number of the newest message."""
        await self.ana.claim(self.chat.conversation)
        return await self.reads()

    async def reads(self):
        opened = await self.ana.open(self.chat.conversation)
        return max((one["number"] for one in opened.answer["messages"]), default=0)

    async def body(self, page, seen=None):
        """What lets `page` in, sealed and proved."""
        seen = await self.takes() if seen is None else seen
        epoch, client = self.ana.chain.epoch, self.chat.client
        team = wraps.TeamWrap(client.conversation_id, epoch.number, client.keys, page.verify_key)
        forward = wraps.ClientWrap(
            client.conversation_id,
            client.keys.messages,
            self.ana.chain.fingerprint,
            self.ana.chain.head,
        )
        await self.proof(WRAP)  # for the start key
        request = sealing.seal(
            sealing.Kind.KEEPER_REQUEST,
            self.ana.start_key,
            sealing.pack(
                wraps.seal_team_wrap(epoch.box_key, team),
                wraps.seal_client_wrap(page.box_key, forward),
            ),
        )
        signed = u32(epoch.number), sealing.labelled_hash("page-wraps", request)
        wrapped, _ = await self.proof(WRAP, *signed)
        fields, read = await self.proof(LET_IN, page.hash)
        return read, fields | {
            "conversation": to_text(self.chat.conversation),
            "seen": seen,
            "epoch": epoch.number,
            "request": to_text(request),
            "page": to_text(page.hash),
            "wraps": wrapped,
        }

    async def lets_in(self, page):
        await self.lets_in_having_read(page, None)

    async def lets_in_having_read(self, page, seen):
        read, body = await self.body(page, seen)
        assert read((await self.ana.ask("/api/page/let_in", body))["answer"], 1) == []

    async def refuses(self, page, seen=None):
        seen = await self.takes() if seen is None else seen
        fields, _ = await self.proof(REFUSE, page.hash)
        body = {"conversation": to_text(self.chat.conversation), "page": to_text(page.hash)}
        body["seen"] = seen
        await self.ana.ask("/api/page/refuse", fields | body)


@pytest.fixture
def decides(ana, chat):
    return Decides(ana, chat)


async def asks(place, chat, page=None):
    """A page with code asks; who it is, and its number."""
    page = page or Client(place, place.http)
    given = await page.load()
    own = page.own
    proposal = Proposal(own.lookup_tag, own.sign.public, own.box.public)
    code = await chat.code()
    request = sealed_proposal(to_bytes(given["start_key"]), code, proposal)
    status, answer = await place.ask_web("/api/propose", {"request": to_text(request)})
    assert (status, answer) == (200, {"asked": True})
    return page, number_for(code, proposal.hash)


async def test_a_page_reads_and_writes_where_a_chat_began(place, ana, chat, decides):
    page, number = await asks(place, chat)
    await chat.says(number)
    with pytest.raises(CannotOpen):
        await page.come_back()
    await decides.lets_in(await decides.asking())
    assert await page.come_back() == []
    assert page.conversation == chat.conversation
    await page.write("from the page")
    opened = await ana.open(chat.conversation)
    assert [(one.text, one.verified) for one in opened.read()] == [("from the page", True)]
    row = await place.row(chat.conversation)
    assert row.channel == "web"
    await page.erase()
    assert await place.row(chat.conversation) is None
    with pytest.raises(KeeperRefused):
        await place.hotline.courier.open_address(chat.address, bytes(100))


async def test_a_page_without_code_asks_with_a_form(place, chat, decides):
    form = await FormClient(place, place.http).visit()
    code = await chat.code()
    token = form.page.token
    await form.send("propose", code=f"{code[:5]} {code[5:]}")
    assert form.state == "asked"
    command, number = form.text("page-number").split(" ", 1)
    assert command == "/page"
    first = form.text("asked-digits")
    form.page.token = token
    await form.send("propose", code=code)  # the answer was lost: the same once more
    assert form.text("asked-digits") == first
    await chat.says(number.replace(" ", ""))
    await form.visit()
    await form.send("open", phrase=first)
    assert form.state == "back"
    await decides.lets_in(await decides.asking())
    await form.visit()
    await form.send("open", phrase=first)
    assert form.state == "conversation"
    await form.send("answer", text="written with a form")
    opened = await decides.ana.open(chat.conversation)
    assert [one.text for one in opened.read()] == ["written with a form"]


async def test_a_form_with_a_wrong_number_says_so_and_keeps_it(place, chat):
    await place.stop()
    on = ChannelSettings(loopback=LoopbackSettings(enabled=True))  # else the page has no such form
    place.settings = msgspec.structs.replace(place.settings, channels=on)
    await place.start()
    form = await FormClient(place, place.http).visit()
    for typed in ("123", "0000000000", "not a number"):
        await form.send("propose", code=typed)
        assert form.state == "back"
        assert form.text("ask-problem") == words("j12.code_wrong")
        assert f'value="{typed}"' in form.raw
    form.page.token = "old"
    code = await chat.code()
    await form.send("propose", code=code)
    assert form.state == "back"
    assert form.text("ask-problem") == words("j12.form_is_old")
    assert f'value="{code}"' in form.raw
    await form.visit()
    assert (await form.send("propose", code=await chat.code())).state == "asked"


async def test_the_phrase_of_a_form_that_asks_is_not_that_of_its_message(place, chat):
    """Going back and sending a first message with the same form makes another phrase."""
    form = await FormClient(place, place.http).visit()
    token = form.page.token
    await form.send("propose", code=await chat.code())
    asked = form.text("asked-digits")
    form.page.token = token
    await form.send("send", text="hello")
    assert form.state == "phrase"
    assert form.digits() != asked


@pytest.mark.parametrize(
    ("typed", "read"),
    [("01234 56789", "0123456789"), ("٠١٢٣٤-٥٦٧٨٩", "0123456789"), ("", ""), ("012345678x", "")],
)
def test_a_number_is_read_as_people_type_it(typed, read):
    assert read_code(typed) == read


async def test_the_web_is_told_nothing_but_whether_the_number_held(place, chat):
    page = Client(place, place.http)
    given = await page.load()
    own = page.own
    proposal = Proposal(own.lookup_tag, own.sign.public, own.box.public)
    start = to_bytes(given["start_key"])
    good = to_text(sealed_proposal(start, await chat.code(), proposal))
    bad = to_text(sealed_proposal(start, "0000000000", proposal))
    assert await place.ask_web("/api/propose", {"request": bad}) == (403, {"error": "refused"})
    assert await place.ask_web("/api/propose", {"request": good}) == (200, {"asked": True})
    for body in ({"request": "short"}, {"request": "A" * 6000}, {}, {"code": "1"}):
        status, _ = await place.ask_web("/api/propose", body)
        assert status in {400, 403}
    logged = place.lines.getvalue()
    for secret in (own.lookup_tag, own.box.public, good.encode()):
        assert to_text(secret) not in logged


async def half(place, chat, decides, monkeypatch):
    """The wraps are stored and the keeper has not been asked: where a crash leaves it."""
    page, number = await asks(place, chat)
    await chat.says(number)
    waiting = await decides.asking()
    _, body = await decides.body(waiting)  # opened before, so that only the last step writes

    async def refused(*_given):
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(place.hotline.keeper.slots, "write", refused)
        with pytest.raises(Refused):
            await decides.ana.ask("/api/page/let_in", body)
    row = await place.row(chat.conversation)
    assert row.outer_client is not None
    assert row.channel == "signal"
    with pytest.raises(CannotOpen):
        await page.come_back()
    return page, waiting


async def test_a_crash_before_the_keepers_word_changes_nothing_for_anybody(
    place, chat, decides, monkeypatch
):
    """Both wraps are stored and the keeper was not asked: it opens as before, and goes on."""
    page, waiting = await half(place, chat, decides, monkeypatch)
    assert (await decides.ana.open(chat.conversation)).read() == []
    assert (await place.row(chat.conversation)).channel == "signal"
    assert await decides.asking() == waiting
    await decides.lets_in(waiting)
    assert await page.come_back() == []
    assert (await place.row(chat.conversation)).channel == "web"


async def test_what_waits_half_let_in_is_refused_or_taken_back(place, chat, decides, monkeypatch):
    """It stays a chat's conversation, which is answered in the chat while its address is kept."""
    page, waiting = await half(place, chat, decides, monkeypatch)
    await decides.refuses(waiting)
    await half(place, chat, decides, monkeypatch)
    await place.hotline.chat_pages.take_back(chat.address)
    assert (await decides.ana.open(chat.conversation)).read() == []
    assert (await place.row(chat.conversation)).channel == "signal"
    with pytest.raises(CannotOpen):
        await page.come_back()


async def test_a_crash_after_the_keepers_word_is_mended_at_the_next_opening(
    place, chat, decides, monkeypatch
):
    page, number = await asks(place, chat)
    await chat.says(number)

    def refused(*_given):
        raise DatabaseFailed("full")

    with monkeypatch.context() as patch:
        patch.setattr(letting_in, "become_page", refused)
        with pytest.raises(Refused):
            await decides.lets_in(await decides.asking())
    assert (await place.row(chat.conversation)).channel == "signal"
    assert await page.come_back() == []
    assert (await decides.ana.open(chat.conversation)).read() == []
    assert (await place.row(chat.conversation)).channel == "web"


async def test_who_does_not_hold_it_or_has_not_read_it_decides_nothing(place, chat, decides):
    page, number = await asks(place, chat)
    await chat.says(number)
    waiting = await decides.asking()
    for decide in (decides.lets_in_having_read, decides.refuses):
        with pytest.raises(Refused) as refused:
            await decide(waiting, 0)
        assert refused.value.code == "claim_lost"
    seen = await decides.takes()
    await place.write(lambda c: messages.add(c, from_client(chat.conversation)))
    for decide in (decides.lets_in_having_read, decides.refuses):
        with pytest.raises(Refused) as refused:
            await decide(waiting, seen)
        assert refused.value.code == "moved_on"
    assert (await place.row(chat.conversation)).outer_client is None
    with pytest.raises(CannotOpen):
        await page.come_back()
    await decides.refuses(waiting, await decides.reads())


async def test_a_database_that_refuses_lets_nobody_in(place, ana, chat, decides, monkeypatch):
    page, number = await asks(place, chat)
    await chat.says(number)
    waiting = await decides.asking()

    def refused(*_given):
        raise DatabaseFailed("full")

    monkeypatch.setattr(letting_in, "store_wraps", refused)
    _, body = await decides.body(waiting)
    with pytest.raises(Refused):
        await ana.ask("/api/page/let_in", body)
    with pytest.raises(CannotOpen):
        await page.come_back()
    assert (await place.row(chat.conversation)).channel == "signal"
    assert (await ana.open(chat.conversation)).read() == []


async def test_a_database_from_before_is_mended_by_the_same_yes(place, chat, decides):
    """Restored, its rows know no page; the keeper still names the keys of the one it let in."""
    page, number = await asks(place, chat)
    await chat.says(number)
    before = await place.row(chat.conversation)
    waiting = await decides.asking()
    await decides.lets_in(waiting)
    await page.come_back()
    await place.write(
        lambda c: letting_in.store_wraps(c, before.id, 1, before.outer_team, before.outer_team)
    )
    with pytest.raises(CannotOpen):
        await page.come_back()
    assert await decides.asking() == waiting
    await decides.lets_in(waiting)
    assert await page.come_back() == []
    assert (await decides.ana.open(chat.conversation)).read() == []


async def test_a_counsellor_says_no(place, ana, chat, decides):
    page, number = await asks(place, chat)
    await chat.says(number)
    await decides.refuses(await decides.asking())
    with pytest.raises(Refused):
        await decides.asking()
    with pytest.raises(CannotOpen):
        await page.come_back()
    assert (await ana.open(chat.conversation)).read() == []


async def test_who_writes_to_the_database_lets_nobody_in(place, chat):
    """A client wrap in the row, made by whoever owns it, is behind the keeper's own layer."""
    page, number = await asks(place, chat)
    await chat.says(number)
    forged = sealing.random_bytes(300)
    row = await place.row(chat.conversation)
    stored = await place.write(
        lambda c: letting_in.store_wraps(c, row.id, row.epoch, row.outer_team, forged)
    )
    assert stored
    with pytest.raises(CannotOpen):
        await page.come_back()


async def test_a_proof_for_one_step_is_none_for_another(place, ana, chat, decides):
    page, number = await asks(place, chat)
    await chat.says(number)
    _, body = await decides.body(await decides.asking())
    swapped = body | {key: body["wraps"][key] for key in ("nonce", "reply", "signature")}
    swapped["wraps"] = {key: body[key] for key in ("nonce", "reply", "signature")}
    with pytest.raises(Refused):
        await ana.ask("/api/page/let_in", swapped)
    with pytest.raises(CannotOpen):
        await page.come_back()


async def test_a_wrap_of_an_earlier_key_does_not_come_back(place, chat, decides):
    """Re-wrapping that read the row before the page was let in stores nothing after it."""
    page, number = await asks(place, chat)
    await chat.says(number)
    before = await place.row(chat.conversation)
    await decides.lets_in(await decides.asking())
    await place.write(lambda c: conversations.rewrap(c, before.id, before.epoch, before.outer_team))
    assert (await decides.ana.open(chat.conversation)).read() == []
    assert await page.come_back() == []
