"""Attachments over real sockets: by a browser's code, and by a form without any."""

import asyncio
import io
import json

import aiohttp
import msgspec
import pytest

from intake_server.attachment_settings import AttachmentSettings
from intake_server.web import api
from tests.intake_server.web.conftest import CodeClient
from tests.triage.test_attached import CANARY, photo
from vault import attachments, conversations
from vault.attachment_format import (
    CHUNK,
    LARGEST,
    Described,
    describe,
    open_chunks,
    read_list,
    seal_chunks,
    write_list,
)
from vault.envelope import Direction, Format, decode_text, open_envelope
from vault.keeper_protocol import Verb
from vault.sealing import CannotOpen, Kind, random_bytes

PLAIN = b"OggS" + CANARY + bytes(5 * CHUNK)
TEXT = "words that must stay"


def sealed(client: CodeClient, plain: bytes = PLAIN) -> tuple[Described, bytes, list[bytes]]:
    one, message = describe("ogg", len(plain)), random_bytes(16)
    return one, message, list(seal_chunks(one, client.conversation, message, plain))


async def upload(client, view, one, chunks, *, until=None):
    for first in range(0, until or len(chunks), 4):
        answer = await client.post(
            "/api/attach",
            view=view,
            attachment=api.encode(one.id),
            chunks=len(chunks),
            first=first,
            sealed=[api.encode(chunk) for chunk in chunks[first : first + 4]],
        )
    return answer


async def name_them(client, one, message):
    body = client.sealed_message(write_list([one])) | {
        "message": api.encode(message),
        "copy": None,
        "attached": [api.encode(one.id)],
    }
    return await client.post("/api/send", **await client.proof(Verb.CLIENT_WROTE), **body)


async def fetch(client, view, one):
    chunks = []
    while True:
        answer = await client.post(
            "/api/attached", view=view, attachment=api.encode(one.id), first=len(chunks)
        )
        if not answer["sealed"]:
            return chunks
        chunks += map(api.decode, answer["sealed"])


async def started_with(hotline, wanted: AttachmentSettings):
    hotline.settings = msgspec.structs.replace(hotline.settings, attachments=wanted)
    await hotline.restart()


def bytes_on_disk(hotline) -> bytes:
    folder = hotline.settings.data.folder
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


# --- with code ------------------------------------------------------------------------------


async def test_chunks_and_then_the_message_that_names_them(hotline, client):
    view = (await client.first("Hello"))["view"]
    one, message, chunks = sealed(client)
    assert await upload(client, view, one, chunks) == {"stored": True}
    assert await fetch(client, view, one) == []  # nobody has named it
    assert (await name_them(client, one, message))["stored"]
    found = await fetch(client, view, one)
    assert open_chunks(one, client.conversation, message, found) == PLAIN
    row = await hotline.read(lambda c: conversations.get(c, client.conversation))
    assert (row.urgency, row.urgency_by) == (1, "not_screened")
    await hotline.work.database.checkpoint()
    assert CANARY not in bytes_on_disk(hotline)
    assert CANARY.decode() not in hotline.lines.getvalue()


async def test_an_attachment_raises_what_screening_had_found_harmless(hotline, client):
    view = (await client.first("Hello"))["view"]
    await hotline.work.database.write(
        lambda c: conversations.set_urgency(c, client.conversation, 0, "hand")
    )
    one, message, chunks = sealed(client)
    await upload(client, view, one, chunks)
    await name_them(client, one, message)
    row = await hotline.read(lambda c: conversations.get(c, client.conversation))
    assert (row.urgency, row.urgency_by) == (1, "not_screened")


async def test_a_message_never_names_what_is_not_whole(hotline, client):
    view = (await client.first("Hello"))["view"]
    one, message, chunks = sealed(client)
    await upload(client, view, one, chunks, until=4)
    assert (await name_them(client, one, message))["error"] == "malformed"
    stored = (await hotline.all_messages())[client.conversation]
    assert len(stored) == 1
    assert await upload(client, view, one, chunks) == {"stored": True}
    assert (await name_them(client, one, message))["stored"]
    again = await name_them(client, one, message)
    assert again["stored"]


async def test_what_was_half_sent_is_forgotten_and_never_shown(hotline, client):
    """Web is killed in mid-upload: what is left belongs to no message and goes with the sweep."""
    view = (await client.first("Hello"))["view"]
    one, _, chunks = sealed(client)
    await upload(client, view, one, chunks, until=4)
    await hotline.restart()
    view = (await client.open())["view"]
    assert await fetch(client, view, one) == []
    later = hotline.clock.unix() + 3 * 3600
    while await hotline.work.database.write(lambda c: attachments.delete_stale(c, later)):
        pass
    tables = attachments.tables
    for table in (tables.attachments, tables.attachment_chunks):
        assert await hotline.read(lambda c, table=table: c.execute(table.select()).all()) == []


async def test_after_erasing_nothing_of_it_is_there(hotline, client):
    view = (await client.first("Hello"))["view"]
    one, message, chunks = sealed(client)
    await upload(client, view, one, chunks)
    await name_them(client, one, message)
    assert chunks[0] in (
        await hotline.read(lambda c: attachments.read(c, client.conversation, one.id, 0))
    )
    await client.erase()
    assert await fetch(client, view, one) == []
    one, _, more = sealed(client)
    assert (await upload(client, view, one, more, until=4))["error"] == "refused"
    await hotline.work.database.checkpoint()
    assert chunks[0][3:99] not in bytes_on_disk(hotline)


async def test_erasing_ends_while_its_page_goes_on_sending(hotline, client):
    view = (await client.first("Hello"))["view"]
    one, _, chunks = sealed(client, b"OggS" + bytes(LARGEST - 10))
    bodies = [
        json.dumps(
            {
                "view": view,
                "attachment": api.encode(one.id),
                "chunks": len(chunks),
                "first": number,
                "sealed": [api.encode(chunk)],
            }
        )
        for number, chunk in enumerate(chunks)
    ]
    refused = []

    async def send(own):
        while not refused:
            for body in own:
                headers = {"Content-Type": "application/json"}
                async with client.session.post(
                    hotline.url + "/api/attach", data=body, headers=headers
                ) as response:
                    if response.status != 200:
                        refused.append(json.loads(await response.read())["error"])

    sending = [asyncio.create_task(send(bodies[n::8])) for n in range(8)]
    await asyncio.sleep(0.5)
    async with asyncio.timeout(30):
        await client.erase()
        await asyncio.gather(*sending)
    assert set(refused) == {"refused"}


async def test_another_pages_ticket_neither_reads_nor_adds(hotline, client, new_client):
    view = (await client.first("Hello"))["view"]
    one, message, chunks = sealed(client)
    await upload(client, view, one, chunks)
    await name_them(client, one, message)
    other = new_client(hotline)
    other_view = (await other.first("Somebody else"))["view"]
    assert await fetch(other, other_view, one) == []
    assert (await upload(other, other_view, one, chunks, until=4))["error"] == "malformed"
    for wrong in ("", "x", api.encode(random_bytes(64))):
        answer = await upload(other, wrong, one, chunks, until=4)
        assert answer["error"] in {"refused", "malformed"}
    with pytest.raises(CannotOpen):
        open_chunks(one, other.conversation, message, chunks)


async def test_malformed_chunks_are_refused(hotline, client):
    view = (await client.first("Hello"))["view"]
    one, _, chunks = sealed(client)
    good = {
        "view": view,
        "attachment": api.encode(one.id),
        "chunks": 8,
        "first": 0,
        "sealed": [api.encode(chunks[0])],
    }
    wrong = [
        {"chunks": 7},
        {"chunks": 10**9},
        {"first": -1},
        {"first": 8},
        {"sealed": []},
        {"sealed": [api.encode(chunk) for chunk in chunks[:5]]},
        {"sealed": ["AAAA"]},
        {"sealed": [api.encode(b"\x01\x01\x01" + chunks[0][3:])]},
        {"attachment": "AAAA"},
        {"view": 7},
    ]
    for change in wrong:
        answer = await client.post("/api/attach", **(good | change))
        assert answer["error"] in {"malformed", "too_long"}, change
    async with client.session.post(
        hotline.url + "/api/attach",
        data=b" " * 400_000,
        headers={"Content-Type": "application/json"},
    ) as response:
        assert (response.status, json.loads(await response.read())["error"]) == (413, "too_long")


async def test_no_room_is_said_and_words_still_go(hotline, client):
    await started_with(hotline, AttachmentSettings(conversation_megabytes=10, total_megabytes=10))
    view = (await client.first("Hello"))["view"]
    one, _, chunks = sealed(client, b"OggS")
    answer = await client.post(
        "/api/attach",
        view=view,
        attachment=api.encode(one.id),
        chunks=64,  # all of them count from the first on
        first=0,
        sealed=[api.encode(chunks[0])],
    )
    for _ in range(7):  # three quarters of 160 chunks for who is not known yet
        one, _, chunks = sealed(client, PLAIN)
        answer = await upload(client, view, one, chunks)
        assert (client.status, answer) == (200, {"stored": True})
    one, _, chunks = sealed(client, PLAIN)
    answer = await upload(client, view, one, chunks)
    assert (client.status, answer["error"]) == (507, "no_room")
    assert (await client.send("still here"))["stored"]


async def test_switched_off_nothing_is_offered_nor_taken(hotline, client, browser):
    await started_with(hotline, AttachmentSettings(enabled=False))
    view = (await client.first("Hello"))["view"]
    one, _, chunks = sealed(client)
    answer = await upload(client, view, one, chunks, until=4)
    assert (client.status, answer["error"]) == (403, "not_offered")
    await browser.write("Hello")
    screen = await browser.submit("kept-form", "look")
    assert "attach" not in screen.ids
    form = aiohttp.FormData({"do": "look"})
    form.add_field("files", photo(), filename="a.jpg")
    async with browser.session.post(hotline.url + "/", data=form) as response:
        assert response.status == 415


# --- without code ---------------------------------------------------------------------------


async def open_page(browser):
    await browser.write("Hello")
    await browser.submit("kept-form", "look")


async def send_files(browser, *files, **typed):
    """The answer's form with files, as a browser without code sends it."""
    fields = {**browser.screen.forms["answer-form"].fields, **typed}
    form = aiohttp.FormData()
    for name, value in fields.items():
        if name != "files":
            form.add_field(name, value, content_type="text/plain")
    for name, content in files:
        form.add_field("files", io.BytesIO(content), filename=name, content_type="text/html")
    form.add_field("do", "answer", content_type="text/plain")
    async with browser.session.post(browser.hotline.url + "/", data=form) as response:
        return await browser._show(response)


async def lists(hotline, counsellor):
    """What the team finds attached: (described, message id), newest message last."""
    ((conversation, stored),) = (await hotline.all_messages()).items()
    keys = (await counsellor.open(conversation)).keys.messages
    found = []
    for row in stored:
        both = (Direction.CLIENT_TO_TEAM, Direction.TEAM_TO_CLIENT)
        opened = open_envelope(row.envelope, Kind.MESSAGE, keys, conversation, both)
        if opened.envelope.format is Format.ATTACHMENTS:
            found += [
                (conversation, row.id, one) for one in read_list(decode_text(opened.envelope).text)
            ]
    return found


async def opened_by_team(hotline, conversation, message, one):
    def every(c):
        chunks = []
        while more := attachments.read(c, conversation, one.id, len(chunks)):
            chunks += more
        return chunks

    return open_chunks(one, conversation, message, await hotline.read(every))


async def test_a_form_brings_words_and_files_that_are_cleaned(hotline, browser, counsellor):
    await open_page(browser)
    sound = ("me at home.ogg", PLAIN)
    screen = await send_files(browser, ("Anna.jpg", photo()), sound, text="Look at this")
    assert "We have your message." in screen.words
    assert screen.forms["answer-form"].fields["text"] == ""
    assert "Picture, 1 kB" in screen.words
    found = await lists(hotline, counsellor)
    assert [one.kind for *_, one in found] == ["jpeg", "ogg"]
    picture = await opened_by_team(hotline, *found[0])
    assert CANARY not in picture
    assert picture.startswith(b"\xff\xd8")
    assert await opened_by_team(hotline, *found[1]) == PLAIN
    texts = [text for text, *_ in await counsellor.texts(found[0][0])]
    assert texts[:2] == ["Hello", "Look at this"]
    await hotline.work.database.checkpoint()
    left = bytes_on_disk(hotline) + hotline.lines.getvalue().encode()
    for canary in (CANARY, b"Anna", b"me at home"):
        assert canary not in left


async def test_files_alone_are_a_message(hotline, browser, counsellor):
    await open_page(browser)
    screen = await send_files(browser, ("a.jpg", photo()))
    assert "We have your message." in screen.words
    assert len(await lists(hotline, counsellor)) == 1


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ([("big.mp4", b"\0\0\0\x18ftypisom" + bytes(11_000_000))], "larger than 10 MB"),
        ([("a.jpg", photo())] * 6, "Five at a time"),
        ([("a.jpg", b"<html><script>")], "a kind we cannot take"),
        ([("a.jpg", photo()[:300])], "could not be read"),
        ([("a.jpg", b"GIF89a")], "a kind we cannot take"),
    ],
)
async def test_what_cannot_be_taken_is_told_with_the_words(hotline, browser, files, told):
    await open_page(browser)
    screen = await send_files(browser, *files, text=TEXT)
    assert told in screen.words
    assert screen.forms["answer-form"].fields["text"] == TEXT
    ((_, stored),) = (await hotline.all_messages()).items()
    assert len(stored) == 1


async def test_a_file_is_saved_again_under_a_neutral_name(hotline, browser):
    await open_page(browser)
    plain = b"OggS" + bytes(range(256)) * 900
    screen = await send_files(browser, ("secret name.ogg", plain))
    form = screen.forms[""]
    async with browser.session.post(
        hotline.url + "/", data={**form.fields, "do": "file"}
    ) as response:
        assert response.headers["Content-Disposition"] == 'attachment; filename="file.ogg"'
        assert response.headers["Content-Type"] == "audio/ogg"
        assert "sandbox" in response.headers["Content-Security-Policy"]
        assert await response.read() == plain
    for wrong in ("", "00" * 16, "x"):
        screen = await browser.post({**form.fields, "do": "file", "file": wrong})
        assert "This file cannot be opened." in screen.words


HEAD = b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nContent-Type: %b\r\n\r\n"
FILES = b"multipart/form-data; boundary=b"


async def slow(hotline, number, head, start=b""):
    """So many senders that begin to send and then are silent."""
    writers = []
    for _ in range(number):
        _, writer = await asyncio.open_connection("127.0.0.1", hotline.port)
        writer.write(head + start)
        await writer.drain()
        writers.append(writer)
    await asyncio.sleep(0.2)
    return writers


async def test_no_place_for_files_keeps_the_words(hotline, browser):
    """Slow senders of files hold every place; words in such a form come back with the reason."""
    await open_page(browser)
    token = browser.screen.forms["answer-form"].fields["token"].encode()
    start = b'--b\r\nContent-Disposition: form-data; name="token"\r\n\r\n' + token
    start += b'\r\n--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
    writers = await slow(hotline, 4, HEAD % (b"/", 9_000_000, FILES), start + PLAIN)
    hotline.work.budgets._an_hour = 100
    async with asyncio.timeout(30):  # until all of these have shown their token
        while "have not arrived" not in browser.screen.words:
            screen = await send_files(browser, ("a.ogg", PLAIN), text=TEXT)
    assert screen.forms["answer-form"].fields["text"] == TEXT
    screen = await send_files(browser, text="words alone")
    assert "We have your message." in screen.words
    for writer in writers:
        writer.close()


async def test_strangers_who_send_slowly_keep_nobody_out(hotline, browser, client):
    view = (await client.first("Hello"))["view"]
    await open_page(browser)
    writers = await slow(hotline, 70, HEAD % (b"/", 100_000, FILES))
    writers += await slow(hotline, 20, HEAD % (b"/api/attach", 300_000, b"application/json"))
    form = {"do": "none", "text": "x" * 30_000}
    async with browser.session.post(hotline.url + "/", data=form) as response:
        assert response.status == 200
    screen = await send_files(browser, text="words alone")
    assert "We have your message." in screen.words
    one, _, chunks = sealed(client)
    assert await upload(client, view, one, chunks) == {"stored": True}
    for writer in writers:
        writer.close()


async def test_strangers_take_no_place_for_files(hotline, browser):
    await open_page(browser)
    start = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
    writers = await slow(hotline, 6, HEAD % (b"/", 9_000_000, FILES), start + PLAIN)
    screen = await send_files(browser, ("a.ogg", PLAIN), text=TEXT)
    assert "We have your message." in screen.words
    for writer in writers:
        writer.close()


async def test_nothing_is_stored_for_who_may_send_no_more(hotline, browser, client):
    view = (await client.first("Hello"))["view"]
    one, _, chunks = sealed(client)
    for number in range(3):
        await client.send(str(number))
    answer = await upload(client, view, one, chunks, until=4)
    assert (client.status, answer["error"]) == (429, "too_many")
    await open_page(browser)
    for number in range(2):
        await browser.submit("answer-form", "answer", text=str(number))
    screen = await send_files(browser, ("a.ogg", PLAIN), text=TEXT)  # these are two messages
    assert "That was 3 messages in an hour." in screen.texts["answer-problem"]
    assert TEXT in screen.words
    table = attachments.tables.attachments
    assert await hotline.read(lambda c: c.execute(table.select()).all()) == []


async def test_what_is_no_form_with_files_gets_the_calm_page(hotline, browser):
    await open_page(browser)
    for body in (
        b"",
        b"--b\r\n",
        b"--b--\r\n",
        b"x" * 5000,
        b"--b\r\nContent-Disposition: x\r\n\r\n",
    ):
        async with browser.session.post(
            hotline.url + "/",
            data=body,
            headers={"Content-Type": "multipart/form-data; boundary=b"},
        ) as response:
            assert response.status in {200, 400}
    async with browser.session.post(
        hotline.url + "/", data=b"x", headers={"Content-Type": "multipart/form-data"}
    ) as response:
        assert response.status == 400
    for head in (b"X canary: a", b"A: canary\r\n" * 500 + b"A: b", b"A: " + b"canary" * 5000):
        async with browser.session.post(
            hotline.url + "/",
            data=b"--b\r\n" + head + b"\r\n\r\nhello\r\n--b--\r\n",
            headers={"Content-Type": "multipart/form-data; boundary=b"},
        ) as response:
            assert response.status == 400
    assert "canary" not in hotline.lines.getvalue()
    assert "request_failed" not in hotline.lines.getvalue()
    assert LARGEST == 10 * 2**20
