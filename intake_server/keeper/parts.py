"""What the keeper is made of, handed to every verb."""

from __future__ import annotations

from dataclasses import dataclass, field

from intake_server.clock import Clock
from intake_server.keeper.alarms import Alarm, Alarms
from intake_server.keeper.arrival_pace import ArrivalPace
from intake_server.keeper.chain import Chain
from intake_server.keeper.clock_watch import ClockWatch
from intake_server.keeper.forgotten import ForgottenIds
from intake_server.keeper.join_codes import JoinCodes
from intake_server.keeper.logs import KeeperLog
from intake_server.keeper.mirror_state import MirrorState
from intake_server.keeper.newcomers import Newcomers
from intake_server.keeper.page_asks import PageAsks
from intake_server.keeper.proofs import HourlyBudget, LastOpened, Nonces, Rewrappings
from intake_server.keeper.set_up_state import SetUpState
from vault.keeper_protocol import NoRoot
from vault.roster import Roster
from vault.sealing import (
    ID_SIZE,
    KEY_SIZE,
    TAG_SIZE,
    BoxKeys,
    Secret,
    new_box_keys,
    random_bytes,
    sign_keys,
)
from vault.slot_records import Channel, Conversation, Staff
from vault.slots import Slots

OPENINGS_AN_HOUR = 300


@dataclass(frozen=True, slots=True)
class MadeUp:
    """Records of nobody: an unknown name or phrase is given the same work with these."""

    conversation: Conversation
    staff: Staff
    sign_key: bytes


def made_up() -> MadeUp:
    """Random records and a random key that nobody has the other half of."""
    key = sign_keys(Secret(random_bytes(KEY_SIZE))).public
    conversation = Conversation(
        tag=random_bytes(TAG_SIZE),
        conversation_id=random_bytes(ID_SIZE),
        s=Secret(random_bytes(KEY_SIZE)),
        cpk=random_bytes(KEY_SIZE),
        npk=random_bytes(KEY_SIZE),
        lookup_tag=random_bytes(TAG_SIZE),
        verify_key=key,
        created=0,
        due=0,
        latest=0,
        hold_until=0,
        inactivity=1,
        closed_after=1,
        channel=Channel.WEB,
        is_known=True,
    )
    staff = Staff(
        tag=random_bytes(TAG_SIZE),
        staff_id=random_bytes(ID_SIZE),
        s=Secret(random_bytes(KEY_SIZE)),
        login_tag=random_bytes(TAG_SIZE),
        salt=random_bytes(TAG_SIZE),
        authentication_hash=random_bytes(KEY_SIZE),
        totp_secret=Secret(random_bytes(20)),
    )
    return MadeUp(conversation, staff, key)


@dataclass
class Seen:
    """What peers have said since this keeper started."""

    courier_keys: tuple[bytes, bytes] | None = None  # box key, sign key
    caretaker_key: bytes | None = None
    is_database_current: bool = False
    orphans_freed: list[tuple[float, int]] = field(default_factory=list)  # monotonic time, number


@dataclass(frozen=True)
class Keeper:
    """Everything a verb may need; made once, by `__main__` or a test."""

    slots: Slots
    chain: Chain
    newcomers: Newcomers
    clock: Clock
    watch: ClockWatch
    alarms: Alarms
    log: KeeperLog
    nonces: Nonces
    openings: HourlyBudget
    last_opened: LastOpened
    rewrappings: Rewrappings
    arrivals: ArrivalPace
    join_codes: JoinCodes
    page_asks: PageAsks
    forgotten: ForgottenIds = field(default_factory=ForgottenIds)
    start: BoxKeys = field(default_factory=new_box_keys)
    set_up: SetUpState = field(default_factory=SetUpState)
    seen: Seen = field(default_factory=Seen)
    made_up: MadeUp = field(default_factory=made_up)
    mirror: MirrorState = field(default_factory=MirrorState)

    def roster(self) -> Roster:
        """The roster; raises NoRoot while nothing is pinned."""
        if self.chain.roster is None:
            raise NoRoot("nobody has been set up yet")
        return self.chain.roster


def join(
    slots: Slots,
    chain: Chain,
    newcomers: Newcomers,
    clock: Clock,
    log: KeeperLog,
    *,
    is_clock_in_doubt: bool,
) -> Keeper:
    """A keeper of these parts, its alarms raised for what was found at opening."""
    alarms = Alarms(clock, log)
    if slots.damaged:
        alarms.raise_(Alarm.RECORDS_DAMAGED)
    if slots.is_half_missing:
        alarms.raise_(Alarm.FILE_WAS_MISSING)
    return Keeper(
        slots=slots,
        chain=chain,
        newcomers=newcomers,
        clock=clock,
        watch=ClockWatch(clock, slots, alarms, is_in_doubt=is_clock_in_doubt),
        alarms=alarms,
        log=log,
        nonces=Nonces(clock),
        openings=HourlyBudget(clock, OPENINGS_AN_HOUR),
        last_opened=LastOpened(OPENINGS_AN_HOUR),
        rewrappings=Rewrappings(slots.records),
        arrivals=ArrivalPace(clock),
        join_codes=JoinCodes(clock),
        page_asks=PageAsks(clock),
    )
