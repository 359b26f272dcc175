"""No verb gives a shred key; nothing secret is printed."""

import pytest

from tests.intake_server.keeper.world import Hotline
from vault import keeper_client
from vault.keeper_protocol import KeeperRefusal, Reference, Verb
from vault.keeper_requests import sealed_inner
from vault.sealing import random_bytes
from vault.slot_records import RecordKind


async def shred_keys(hotline: Hotline) -> set[bytes]:
    kinds = (RecordKind.CONVERSATION, RecordKind.ADDRESS, RecordKind.STAFF)
    return {record.s.reveal() async for _, record in hotline.keeper.slots.scan(kinds)}


@pytest.fixture
def answers(monkeypatch):
    """Every answer that reaches any client, as it came over the socket."""
    heard = []
    read_frame = keeper_client.read_frame

    async def listening(reader):
        body = await read_frame(reader)
        heard.append(body)
        return body

    monkeypatch.setattr(keeper_client, "read_frame", listening)
    return heard


async def live_a_life(hotline: Hotline) -> list[tuple[bytes, ...]]:
    """Use every verb; what was opened of the sealed answers."""
    opened = []
    first = hotline.first
    opened.append((await hotline.sign_in(first))[1])
    await hotline.desk.sign_in_salt(first.login_tag)
    client, made = await hotline.write_in()
    await hotline.web.find(client.lookup_tag)
    await hotline.web.slot_keys(made.reference)
    opened.append(await hotline.open_client_wrap(client, made.client_wrap))
    opened.append((await hotline.change_due(client, made.due + 3600))[1])
    opened.append((await hotline.client_wrote(client))[1])
    opened.append(await hotline.open_team_wrap(first, made))
    opened.append((await hotline.hold(first, made.reference, made.due))[1])
    opened.append((await hotline.close_conversation(first, made.reference))[1])
    asked, message = await hotline.message_in()
    await hotline.courier.find_address(asked.address_tag)
    there = await hotline.courier.open_address(message.address, message.outer_address)
    opened.append((there.inner,))
    start_key = (await hotline.desk.hello()).start_key
    item = sealed_inner(start_key, hotline.outbox_item(client, random_bytes(16)))
    replied, message_id, _ = await hotline.reply(first, message.reference, item)
    await hotline.courier.unwrap_outbox(message.reference, message_id, replied.outbox_item)
    await hotline.courier.client_wrote(message.address)
    await hotline.courier.change_due(message.address, message.due)
    from tests.intake_server.keeper.test_desk import put_grant, rewrap

    await rewrap(hotline, first, client, made.reference)
    await put_grant(hotline, first, first, 1, hotline.team_seeds[0])
    await hotline.hire("Ben", 1)
    pairing_id = (await hotline.caretaker.hello()).pairing_id
    await hotline.caretaker.report_counter(pairing_id, 1)
    await hotline.caretaker.free_orphans([made.reference])
    await hotline.caretaker.live([made.reference, message.address])
    await hotline.operator.all_live()
    await hotline.operator.status()
    await hotline.operator.clock_is_right()
    await hotline.operator.adopt(pairing_id, 1)
    await hotline.caretaker.forget_due(10)
    return opened


async def test_no_answer_of_any_verb_contains_a_shred_key(hotline, answers):
    opened = await live_a_life(hotline)
    secrets = await shred_keys(hotline)
    assert len(secrets) == 4
    client, made = await hotline.write_in()
    secrets |= await shred_keys(hotline)
    await hotline.erase(client)
    await hotline.courier.erase((await hotline.message_in())[1].address)
    for verb in Verb:
        for link in hotline.links.values():
            for argument in (made.reference.packed, random_bytes(20)):
                try:
                    await link.ask(verb, argument)
                except KeeperRefusal:
                    continue
    everything = b"".join(answers) + b"".join(field for fields in opened for field in fields)
    assert len(answers) > 400
    assert len(everything) > 10_000
    assert not [secret for secret in secrets if secret in everything]


async def test_a_forgotten_shred_key_is_in_no_byte_of_the_keepers_files(hotline):
    made = []
    for _ in range(5):
        made.append(await hotline.write_in())
        await hotline.message_in()
    before = await shred_keys(hotline)
    for client, _ in made[:3]:
        await hotline.erase(client)
    hotline.clock.turn(80 * 3600)
    await hotline.operator.clock_is_right()
    freed, _ = await hotline.caretaker.forget_due(100)
    assert freed
    gone = before - await shred_keys(hotline)
    assert len(gone) == 5 * 3
    folder = hotline.folder / "keeper"
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(files) == {"slots.bin", "slots.twin", "roster.bin", "grants.bin"}
    for data in files.values():
        assert not [secret for secret in gone if secret in data]


async def test_nothing_secret_is_printed(hotline):
    client, made = await hotline.write_in()
    token = random_bytes(32)
    texts = [repr(made), repr(client.sign), repr(hotline.web_request(client))]
    texts += [repr(hotline.set_up_body()), repr(Reference(1, token[:16]))]
    for text in texts:
        for secret in (client.conversation_id, client.lookup_tag, token[:16], made.reference.tag):
            assert repr(secret) not in text
