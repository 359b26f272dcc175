"""New conversations when the slot file fills up: a burst, then two a second."""

import pytest

from intake_server.keeper.arrival_pace import BURST, ArrivalPace
from tests.intake_server.keeper.world import Hotline, TurnedClock
from vault.keeper_protocol import Busy

RECORDS = 256  # a fifth of them, less what is kept for staff and addresses, is more than the burst


@pytest.fixture
async def filling(short_dir):
    """A hotline of which four fifths of the slots are used, and not one more."""
    hotline = Hotline(short_dir, records=RECORDS)
    await hotline.open()
    await hotline.set_up()
    while hotline.keeper.slots.free - 1 >= RECORDS / 5:
        await hotline.write_in()
    yield hotline
    await hotline.close()


async def test_above_four_fifths_web_and_courier_share_one_pace(filling):
    client, made = await filling.write_in()  # the first above
    for _ in range(int(BURST) // 2):
        await filling.write_in()
    for _ in range(int(BURST) // 2):
        await filling.message_in(address_hours=1)
    for new in (filling.write_in, filling.message_in):
        with pytest.raises(Busy) as caught:
            await new()
        assert caught.value.seconds == 1
    assert (await filling.write_in(client))[1].reference == made.reference
    assert "slots_filling" in (await filling.operator.status())["alarms"]
    await filling.client_wrote(client)
    filling.clock.turn(1)
    await filling.write_in()
    await filling.write_in()
    with pytest.raises(Busy):
        await filling.write_in()


async def test_up_to_four_fifths_nothing_is_paced(filling):
    for _ in range(3 * int(BURST)):
        client, _ = await filling.write_in()
        await filling.erase(client)


def test_a_bucket_is_never_more_than_full():
    clock = TurnedClock()
    pace = ArrivalPace(clock)
    clock.turn(3600)
    assert [pace.spend() for _ in range(int(BURST) + 1)] == [0] * int(BURST) + [1]
    clock.turn(0.5)
    assert (pace.spend(), pace.spend()) == (0, 1)
