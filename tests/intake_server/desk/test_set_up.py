"""The first person: one request that may be cut off anywhere and sent again."""

import pytest

from tests.flows.people import Counsellor, Refused, to_bytes
from vault import staff
from vault.staff import StaffRow


@pytest.fixture
async def ana(empty):
    """Somebody with a set-up link, and everything she made in her browser."""
    await empty.new_link()
    person = Counsellor(empty, empty.http)
    person.body = await person.set_up_body(person.set_up_token())
    return person


def sealed(person):
    return to_bytes(person.body["request"]), to_bytes(person.body["mac"])


async def refused(awaitable):
    with pytest.raises(Refused) as refusal:
        await awaitable
    return refusal.value.status, refusal.value.code


async def hello(place):
    status, answer = await place.ask("/api/hello", {})
    assert status == 200
    return answer


async def test_before_and_after(empty, ana):
    before = await hello(empty)
    assert before["setup_needed"]
    assert (before["fingerprint"], before["roster"]) == (None, [])
    assert before["client_page_url"] == "http://127.0.0.1:0/"
    pinned = await ana.ask("/api/setup", ana.body)
    after = await hello(empty)
    assert not after["setup_needed"]
    assert after["fingerprint"] == pinned["fingerprint"]
    assert len(after["roster"]) == 1
    await ana.sign_in()
    assert (await ana.ask("/api/queue", {}))["rows"] == []


async def test_cut_off_after_preparing(empty, ana):
    await empty.hotline.desk.set_up_prepare(*sealed(ana))
    assert await empty.read(staff.all) == []
    assert (await ana.ask("/api/setup", ana.body))["fingerprint"]
    await ana.sign_in()


async def test_cut_off_after_the_row_was_committed(empty, ana):
    prepared = await empty.hotline.desk.set_up_prepare(*sealed(ana))
    row = StaffRow(prepared.staff_id, prepared.login_tag, prepared.staff_wrap)
    await empty.write(lambda c: staff.put(c, row))
    assert (await ana.ask("/api/setup", ana.body))["fingerprint"]
    assert await empty.read(staff.all) == [row]
    await ana.sign_in()


async def test_cut_off_before_the_answer(empty, ana):
    first = await ana.ask("/api/setup", ana.body)
    assert await ana.ask("/api/setup", ana.body) == first
    await empty.restart_keeper()
    assert await ana.ask("/api/setup", ana.body) == first
    await ana.sign_in()


async def test_a_desk_that_starts_in_between_goes_on(empty, ana):
    await empty.hotline.desk.set_up_prepare(*sealed(ana))
    await empty.stop()
    await empty.start()
    assert (await ana.ask("/api/setup", ana.body))["fingerprint"]


async def test_a_keeper_that_starts_in_between_asks_for_a_new_link(empty, ana):
    prepared = await empty.hotline.desk.set_up_prepare(*sealed(ana))
    row = StaffRow(prepared.staff_id, prepared.login_tag, prepared.staff_wrap)
    await empty.write(lambda c: staff.put(c, row))
    await empty.restart_keeper()
    assert await refused(ana.ask("/api/setup", ana.body)) == (403, "refused")
    assert (await hello(empty))["setup_needed"]
    await empty.new_link()
    again = Counsellor(empty, empty.http)
    await again.set_up()
    (kept,) = await empty.read(staff.all)
    assert kept.id == again.staff_id
    await again.sign_in()


async def test_another_mac_stores_nothing(empty, ana):
    ana.body["mac"] = ana.body["request"][:43]
    assert await refused(ana.ask("/api/setup", ana.body)) in {(403, "refused"), (400, "malformed")}
    assert await empty.read(staff.all) == []


async def test_nobody_else_is_set_up_afterwards(empty, ana):
    late = Counsellor(empty, empty.http, "Eve")
    late_body = await late.set_up_body(late.set_up_token())
    await ana.ask("/api/setup", ana.body)
    assert await refused(late.ask("/api/setup", late_body)) == (403, "refused")
    assert await refused(late.ask("/api/setup/keys", {})) == (403, "refused")
    assert [row.id for row in await empty.read(staff.all)] == [ana.staff_id]


async def test_without_a_link_there_are_no_keys(empty):
    assert await empty.ask("/api/setup/keys", {}) == (403, {"error": "refused"})
