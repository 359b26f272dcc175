"""Signs to staff: only to who enrolled, nothing of what was said, not too often, not at night."""

import asyncio
import datetime as dt
import json
import re
import zoneinfo

import pytest
from click.testing import CliRunner

from bots.channel import Incoming
from bots.loopback import Loopback
from intake_server.commands_duty import duty as command
from intake_server.courier.answers import read_answers
from intake_server.courier.duty import Duty, Enrolled, Wish
from intake_server.courier.own_keys import OwnKeys
from vault.sealing import Secret

MONDAY_NOON = 1_800_000_000 - 1_800_000_000 % 604_800 + 4 * 86_400 + 43_200


class Turned:
    """A clock that a test turns."""

    def __init__(self):
        self.at = MONDAY_NOON

    def unix(self):
        return int(self.at)

    def monotonic(self):
        return float(self.at)

    def now(self):
        return dt.datetime.fromtimestamp(self.at, dt.UTC)


class Room:
    """Somebody's phone, a hotline of one channel, and what is wrong or waits there."""

    def __init__(self, folder, log):
        self.clock = Turned()
        self.channel = Loopback(now=self.clock.unix)
        self.alarms, self.waiting, self.stored = set(), [], []
        self.folder, self.log = folder, log
        self.enrolled = Enrolled(folder, OwnKeys.of(Secret(bytes(32))))
        self.begin()

    def begin(self):
        """As a courier that starts anew."""

        async def waiting():
            return self.waiting

        self.duty = Duty(
            self.enrolled,
            read_answers(self.folder, "en"),
            {"loopback": self.channel},
            lambda: self.alarms,
            waiting,
            (),
            zoneinfo.ZoneInfo("UTC"),
            self.clock,
            self.log,
        )

    async def write(self, text, who="staff"):
        async def take(_channel, incoming):
            self.stored.append(incoming.text)

        incoming = Incoming(who, f"t{len(self.stored)}", text, (), self.clock.unix())
        await self.duty.before(take)(self.channel, incoming)

    async def enrol(self, **wish):
        code = await self.enrolled.open_code(Wish("A", **wish), self.clock.unix())
        await self.write(f"/duty {code}")
        assert self.heard() == ["Done."]

    def heard(self, who="staff"):
        lines = [line["text"] for line in self.channel._mailboxes[who]]
        self.channel._mailboxes[who].clear()
        return lines

    async def later(self, seconds):
        """What is heard after so long; the duty looks as often as it does."""
        end = self.clock.at + seconds
        while self.clock.at < end:
            self.clock.at = min(self.clock.at + 20, end)
            await self.duty.look()
        return self.heard()


@pytest.fixture
async def room(tmp_path, stage):
    (tmp_path / "duty").mkdir(mode=0o700)
    room = Room(tmp_path, stage.log_of("courier"))
    await room.channel.start(None)
    return room


async def test_a_good_code_enrols_once_and_all_else_reaches_a_counsellor(room):
    code = await room.enrolled.open_code(Wish("A"), room.clock.unix())
    wrong = str((int(code) + 1) % 10**10).zfill(10)
    await room.write(f"/duty {wrong}", who="kim")
    await room.write("duty", who="kim")
    assert room.enrolled.members() == []
    await room.write(f"/duty {code[:5]} {code[5:]}")
    (member,) = room.enrolled.members()
    assert (member.address, member.channel, member.wish.label) == ("staff", "loopback", "A")
    await room.write(f"/duty {code}", who="kim")
    assert len(room.enrolled.members()) == 1
    assert room.stored == [f"/duty {wrong}", "duty", f"/duty {code}"]
    assert room.heard("kim") == []


async def test_codes_end_after_a_quarter_of_an_hour_and_after_a_few_tries(room):
    late = await room.enrolled.open_code(Wish("A"), room.clock.unix())
    room.clock.at += 900
    await room.write(f"/duty {late}")
    code = await room.enrolled.open_code(Wish("A"), room.clock.unix())
    for number in range(10):
        await room.write(f"/duty {number:010}" if f"{number:010}" != code else "/duty 1")
    await room.write(f"/duty {code}")
    assert room.enrolled.members() == []
    assert len(room.stored) == 12


async def test_who_waits_is_told_without_a_word_about_it_and_not_too_often(room):
    await room.enrol()
    assert await room.later(600) == []
    room.waiting = [room.clock.unix()]
    assert await room.later(40) == []
    assert await room.later(60) == ["Please have a look."]
    room.waiting.append(room.clock.unix())
    assert await room.later(700) == []
    assert await room.later(200) == ["Please have a look."]
    assert await room.later(3_500) == []
    assert await room.later(200) == ["Please have a look."]
    room.begin()
    assert await room.later(600) == []
    room.waiting = []
    assert await room.later(86_400) == []


async def test_nobody_is_disturbed_outside_their_hours(room):
    await room.enrol(hours=("mon 13:00-14:00",))
    room.waiting = [room.clock.unix()]
    assert await room.later(3_500) == []
    assert await room.later(300) == ["Please have a look."]


async def test_an_alarm_is_told_once_within_five_minutes_at_any_hour(room):
    await room.enrol(alarms=True, pings=False, hours=("sun 01:00-02:00",))
    room.alarms = {"signal_unreachable"}
    assert await room.later(40) == []
    assert await room.later(260) == ["Please look after it."]
    assert await room.later(86_400) == []
    room.alarms = set()
    assert await room.later(60) == []
    room.alarms = {"signal_unreachable"}
    assert await room.later(300) == ["Please look after it."]
    room.alarms = set()
    assert await room.later(60) == []
    room.alarms = {"signal_unreachable"}
    assert await room.later(300) == [], "one that comes and goes is told twice an hour at most"
    room.alarms |= {"matrix_unreachable"}
    assert await room.later(300) == ["Please look after it."], "another one is not held back"


async def test_counsellors_hear_that_something_may_have_been_missed(room):
    await room.enrol(hours=("mon 12:00-13:00",))
    room.alarms = {"signal_gap_suspected"}
    said = "Something may have been missed. Please have a look."
    assert await room.later(1_800) == [said]
    room.clock.at += 7 * 3_600
    assert await room.later(60) == []


async def test_a_burst_of_alarms_is_one_message(room):
    await room.enrol(alarms=True, pings=False)
    room.alarms = {"matrix_0"}
    said = await room.later(80)
    for number in range(1, 10):
        room.alarms |= {f"matrix_{number}"}
        said += await room.later(20)
    assert said == ["Please look after it."]
    assert await room.later(300) == ["Please look after it."]
    assert await room.later(86_400) == []


async def test_what_cannot_be_sent_is_sent_later(room):
    await room.enrol(alarms=True)
    room.channel.cut()
    room.alarms = {"keeper_down"}
    assert await room.later(300) == []
    room.channel.restore()
    assert await room.later(40) == ["Please look after it."]


async def test_addresses_lie_sealed_and_go_when_somebody_leaves(room):
    await room.write("hello", who="staff-address-of-kim")
    code = await room.enrolled.open_code(Wish("A"), room.clock.unix())
    await room.write(f"/duty {code}", who="staff-address-of-kim")
    files = [file for file in (room.folder / "duty").rglob("*") if file.is_file()]
    written = b"".join(file.read_bytes() for file in files)
    assert b"staff-address-of-kim" not in written
    assert code.encode() not in written
    (member,) = room.enrolled.members()
    await room.enrolled.remove(member)
    assert room.enrolled.members() == []


async def test_the_whole_way_from_the_command_to_a_waiting_client(stage):
    courier = await stage.with_courier()
    loopback = courier.channels["loopback"]
    (stage.folder / "havenline.toml").write_text("[channels.loopback]\nenabled = true\n")
    arguments = ["add", "B", "--alarms", "--data", str(stage.folder)]
    done = await asyncio.to_thread(CliRunner().invoke, command, arguments)
    assert done.exit_code == 0, done.output
    assert re.search(r"/duty \d{10}\n", done.output)
    # The command has the machine's clock, the stage one that tests turn.
    enrolled = Enrolled(stage.folder / "courier", OwnKeys.of(stage.courier_seed))
    code = await enrolled.open_code(Wish("B", alarms=True), stage.now())
    await loopback.say("staff-b", f"/duty {code}")
    assert await stage.rows() == []
    shown = await asyncio.to_thread(CliRunner().invoke, command, ["--data", str(stage.folder)])
    assert shown.output == "B  loopback  waiting and alarms  the hotline's hours\n"
    await loopback.say("kim", "hello")
    row = await stage.only_row()
    assert [row.waiting_since] == await courier.inbound.work.unclaimed_since()
    arguments = ["remove", "B", "--data", str(stage.folder)]
    done = await asyncio.to_thread(CliRunner().invoke, command, arguments)
    assert done.exit_code == 0
    assert json.dumps("staff-b") not in stage.lines.getvalue()


def test_without_a_channel_no_code_is_drawn_that_nobody_could_send(tmp_path):
    done = CliRunner().invoke(command, ["add", "B", "--data", str(tmp_path)])
    assert done.exit_code == 1
    assert "havenline channels add" in done.output
    assert "/duty" not in done.output
