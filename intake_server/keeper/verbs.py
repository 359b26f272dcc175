"""The page of verbs: one table from verb to what does it, and how each request ends.

Who may use a verb and what its arguments look like stands in `vault.keeper_protocol.RULES`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final

from intake_server.keeper import (
    caretaker_work,
    courier_work,
    desk_work,
    details_work,
    join_work,
    mirror_work,
    operator_work,
    page_work,
    roster_work,
    set_up_work,
    shared_work,
    sign_in_work,
    team_work,
    ways_work,
    web_work,
)
from intake_server.keeper.alarms import Alarm
from intake_server.keeper.parts import Keeper
from vault.keeper_protocol import (
    RULES,
    Busy,
    KeeperRefusal,
    NotYours,
    Peer,
    Status,
    Verb,
    decode_request,
    encode_answer,
    read_fields,
    request_number_of,
    u32,
)
from vault.sealing import CannotOpen, Malformed
from vault.slots import DiskRefused, NoRoom

Handler = Callable[[Keeper, Peer, tuple[bytes, ...]], Awaitable[tuple[bytes, ...]]]

HANDLERS: Final[Mapping[Verb, Handler]] = MappingProxyType(
    {
        Verb.HELLO: shared_work.hello,
        Verb.ROSTER: shared_work.roster,
        Verb.NONCE: shared_work.nonce,
        Verb.SLOT_KEYS: shared_work.slot_keys,
        Verb.STANDING: shared_work.standing,
        Verb.DETAILS: details_work.details,
        Verb.CREATE: web_work.create,
        Verb.FIND: web_work.find,
        Verb.OPEN_CLIENT_WRAP: web_work.open_client_wrap,
        Verb.ERASE: web_work.erase,
        Verb.CHANGE_DUE: web_work.change_due,
        Verb.CLIENT_WROTE: web_work.client_wrote,
        Verb.COURIER_CREATE: courier_work.create,
        Verb.FIND_ADDRESS: courier_work.find_address,
        Verb.OPEN_ADDRESS: courier_work.open_address,
        Verb.SEAL_ADDRESS: courier_work.seal_address,
        Verb.SAFE_HOURS: courier_work.safe_hours,
        Verb.UNWRAP_OUTBOX: courier_work.unwrap_outbox,
        Verb.COURIER_ERASE: courier_work.erase,
        Verb.START_OVER: courier_work.start_over,
        Verb.COURIER_CLIENT_WROTE: courier_work.client_wrote,
        Verb.COURIER_CHANGE_DUE: courier_work.change_due,
        Verb.COURIER_ANNOUNCE: courier_work.announce,
        Verb.CARETAKER_ANNOUNCE: caretaker_work.announce,
        Verb.FORGET_DUE: caretaker_work.forget_due,
        Verb.REPORT_COUNTER: caretaker_work.report_counter,
        Verb.LIVE: caretaker_work.live,
        Verb.ALL_LIVE: caretaker_work.all_live,
        Verb.FREE_ORPHANS: caretaker_work.free_orphans,
        Verb.SET_UP_KEYS: set_up_work.keys,
        Verb.SET_UP_PREPARE: set_up_work.prepare,
        Verb.SET_UP_PIN: set_up_work.pin,
        Verb.SIGN_IN_SALT: sign_in_work.salt,
        Verb.SIGN_IN: sign_in_work.sign_in,
        Verb.OPEN_TEAM_WRAP: desk_work.open_team_wrap,
        Verb.TEAM_WAYS: desk_work.ways,
        Verb.REPLIED: desk_work.replied,
        Verb.CLOSE: desk_work.close,
        Verb.REWRAP: desk_work.rewrap,
        Verb.HOLD: desk_work.hold,
        Verb.APPEND: roster_work.append,
        Verb.PUT_GRANT: roster_work.put_grant,
        Verb.PIN_DETAILS: details_work.pin_details,
        Verb.INVITE: team_work.invite,
        Verb.INVITATION: team_work.invitation,
        Verb.JOIN: team_work.join,
        Verb.TEAM: team_work.team,
        Verb.WITHDRAW: team_work.withdraw,
        Verb.OWN_GRANTS: team_work.own_grants,
        Verb.RECOVER: team_work.recover,
        Verb.SET_UP_TOKEN: set_up_work.token,
        Verb.STATUS: operator_work.status,
        Verb.CLOCK_IS_RIGHT: operator_work.clock_is_right,
        Verb.ADOPT: operator_work.adopt,
        Verb.MAKE_JOIN_CODE: join_work.make_code,
        Verb.REDEEM_JOIN_CODE: join_work.redeem,
        Verb.CLIENT_JOIN_CODE: ways_work.make_code,
        Verb.CLIENT_HOURS: ways_work.hours,
        Verb.CLIENT_PART: ways_work.part,
        Verb.PAGE_CODE: page_work.make_code,
        Verb.PAGE_PROPOSE: page_work.propose,
        Verb.PAGE_ASKED: page_work.asked,
        Verb.PAGE_CONFIRM: page_work.confirm,
        Verb.PAGE_ASKING: page_work.asking,
        Verb.PAGE_WRAP: page_work.wrap,
        Verb.PAGE_LET_IN: page_work.let_in,
        Verb.PAGE_REFUSE: page_work.refuse,
        Verb.MIRROR_KEY: mirror_work.key,
        Verb.MIRROR_PART: mirror_work.part,
        Verb.MIRROR_DONE: mirror_work.done,
    }
)


async def answer(keeper: Keeper, peer: Peer, body: bytes) -> bytes:
    """The body of the answer to one request; never raises."""
    number = request_number_of(body)
    try:
        results = await _results(keeper, peer, body)
        return encode_answer(number, Status.OK, *results)
    except Busy as refusal:
        return encode_answer(number, Status.BUSY, u32(refusal.seconds))
    except KeeperRefusal as refusal:
        return encode_answer(number, refusal.status)
    except CannotOpen:
        return encode_answer(number, Status.REFUSED)
    except Malformed:
        return encode_answer(number, Status.MALFORMED)
    except NoRoom:
        return encode_answer(number, Status.FULL)
    except (DiskRefused, OSError):
        keeper.alarms.raise_(Alarm.DISK_REFUSED)
        return encode_answer(number, Status.FAILED)
    except Exception as error:  # noqa: BLE001  # a mistake in one verb must not end the keeper
        keeper.log.failure("verb_failed", error, status=Status.FAILED)
        return encode_answer(number, Status.FAILED)


async def _results(keeper: Keeper, peer: Peer, body: bytes) -> tuple[bytes, ...]:
    _, verb_number, packed = decode_request(body)
    try:
        verb = Verb(verb_number)
    except ValueError:
        raise Malformed("there is no such verb") from None
    rule = RULES[verb]
    if peer not in rule.peers:
        raise NotYours("this verb is for other peers")
    return await HANDLERS[verb](keeper, peer, read_fields(rule.arguments, packed))
