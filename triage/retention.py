"""How long a conversation is kept: the policy, the promise made under it, and the date.

Theory of operation
-------------------
1.  A policy is a list of rules; the first rule that matches a conversation gives its periods.
    The last rule has no condition, so every conversation has periods.
2.  Every period lies between ``SHORTEST_HOURS`` and ``LONGEST_HOURS``. There is no "for ever",
    and no file can move these rails: they are compiled in.
3.  A promise is what the client was told: the periods at the first message. A later policy may
    shorten it and never lengthens it (``shorter_of``).
4.  ``due`` is the soonest of: last activity + inactivity, created + absolute, closed + closed
    period. It is never past ``latest`` = created + absolute.
5.  Dates are rounded up to the hour, so nothing is forgotten before the promised time, and by
    less than an hour after it.
6.  Only what clients write and what is really sent to them counts as activity; reading does not.
    That is the caller's duty: it hands in the time of the last activity.
7.  A hold keeps until its end, never past ``latest``.

The language is TOML with a closed vocabulary and no code::

    schema = 1

    [[rule]]
    id = "messengers"
    when.channel = ["signal", "matrix"]
    when.urgency = [0, 1]
    inactivity = "7d"
    absolute = "30d"
    closed = "3d"
    address = "72h"

    [[rule]]
    id = "default"
    inactivity = "14d"
    absolute = "60d"
    closed = "7d"

Periods are whole hours ("36h") or days of 24 hours ("14d"). ``address`` is how long a messenger
address is kept after the last message from it; without it, as long as ``inactivity``.
Storage limitation: Regulation (EU) 2016/679, Article 5(1)(e); telling the period to the person:
Article 13(2)(a).
"""

import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Final

__all__ = [
    "CHANNELS",
    "DEFAULT_POLICY",
    "LONGEST_HOURS",
    "SHORTEST_HOURS",
    "Kept",
    "Policy",
    "PolicyRefusedError",
    "Preview",
    "Problem",
    "Promise",
    "Rule",
    "RuleInWords",
    "as_sentences",
    "due_after",
    "forgotten_at",
    "latest_for",
    "policy_from_table",
    "policy_from_toml",
    "preview",
    "promise_for",
    "round_up",
    "rule_for",
    "shorter_of",
]

SHORTEST_HOURS: Final = 1
LONGEST_HOURS: Final = 365 * 24
CHANNELS: Final = ("web", "signal", "matrix", "deltachat", "loopback")
URGENCIES: Final = (0, 1, 2, 3)

_SCHEMA: Final = 1
_MOST_RULES: Final = 64
_PERIODS: Final = ("inactivity", "absolute", "closed", "address")
_RULE_KEYS: Final = frozenset({"id", "when", *_PERIODS})
_HOURS_IN: Final = {"h": 1, "d": 24}
_MOST_DIGITS: Final = 5


@dataclass(frozen=True, slots=True)
class Promise:
    """What the client is told, in whole hours.

    Forgotten ``inactivity_hours`` after the last message, ``absolute_hours`` after the first at
    the latest, ``closed_hours`` after closing. A messenger address goes ``address_hours`` after
    the last message from it, and never later than its conversation.
    """

    inactivity_hours: int
    absolute_hours: int
    closed_hours: int
    address_hours: int


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; ``None`` as a condition means any."""

    id: str
    promise: Promise
    channels: frozenset[str] | None = None
    urgencies: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules in order; the last one matches everything."""

    rules: tuple[Rule, ...]


DEFAULT_POLICY: Final = Policy((Rule("default", Promise(14 * 24, 60 * 24, 7 * 24, 14 * 24)),))


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a policy: a code, where, and what to do about it in plain words."""

    code: str
    where: str
    text: str


class PolicyRefusedError(Exception):
    """This retention policy cannot be used; ``problems`` says what to change."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep every problem, so that all can be mended at once."""
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{problem.where}: {problem.text}" for problem in self.problems))


def policy_from_toml(text: str, channels: Collection[str] = CHANNELS) -> Policy:
    """Read a policy; raise ``PolicyRefusedError`` with every problem found."""
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        problem = Problem("not_toml", "file", f"this is not TOML: {error}")
        raise PolicyRefusedError([problem]) from None
    return policy_from_table(table, channels)


def policy_from_table(table: Mapping[str, object], channels: Collection[str] = CHANNELS) -> Policy:
    """Build a policy from a parsed table; raise ``PolicyRefusedError`` with every problem found."""
    reader = _Reader(frozenset(channels))
    rules = reader.read(table)
    if reader.problems:
        raise PolicyRefusedError(reader.problems)
    return Policy(tuple(rules))


def rule_for(policy: Policy, channel: str, urgency: int | None = None) -> Rule:
    """Return the first rule that matches. An urgency not known yet matches no condition on it."""
    for rule in policy.rules:
        if rule.channels is not None and channel not in rule.channels:
            continue
        if rule.urgencies is not None and urgency not in rule.urgencies:
            continue
        return rule
    raise ValueError("a policy ends with a rule that matches everything: build it with the reader")


def promise_for(policy: Policy, channel: str, urgency: int | None = None) -> Promise:
    """Return the periods that the policy gives to a conversation."""
    return rule_for(policy, channel, urgency).promise


def shorter_of(promised: Promise, current: Promise) -> Promise:
    """Return what holds under a changed policy: shortening applies, lengthening does not."""
    return Promise(
        min(promised.inactivity_hours, current.inactivity_hours),
        min(promised.absolute_hours, current.absolute_hours),
        min(promised.closed_hours, current.closed_hours),
        min(promised.address_hours, current.address_hours),
    )


def latest_for(promise: Promise, created: datetime) -> datetime:
    """Return the time past which nothing keeps the conversation."""
    return round_up(created + timedelta(hours=promise.absolute_hours))


def due_after(
    promise: Promise,
    *,
    created: datetime,
    last_activity: datetime,
    closed_at: datetime | None = None,
    latest: datetime | None = None,
) -> datetime:
    """Return when the conversation is due to be forgotten, as it stands.

    ``latest`` overrides the latest time of the promise, for a client who chose an earlier one.
    All times are aware; the answer is a whole hour in UTC unless ``latest`` is not.
    """
    candidates = [
        last_activity + timedelta(hours=promise.inactivity_hours),
        created + timedelta(hours=promise.absolute_hours),
    ]
    if closed_at is not None:
        candidates.append(closed_at + timedelta(hours=promise.closed_hours))
    ends = latest_for(promise, created)
    if latest is not None:
        ends = min(ends, latest)
    return min(round_up(min(candidates)), ends)


def forgotten_at(due: datetime, latest: datetime, hold_until: datetime | None = None) -> datetime:
    """Return when it will really be forgotten, a hold included (rule 7)."""
    return min(latest, due if hold_until is None else max(due, hold_until))


def round_up(time: datetime) -> datetime:
    """Round an aware time up to the whole hour, in UTC."""
    if time.tzinfo is None:
        raise ValueError("a time without a time zone cannot be rounded: hand in an aware one")
    time = time.astimezone(UTC)
    whole = time.replace(minute=0, second=0, microsecond=0)
    return whole if whole == time else whole + timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Kept:
    """What the preview must know about one conversation, and nothing that names it."""

    promise: Promise
    channel: str
    urgency: int
    created: datetime
    last_activity: datetime
    closed_at: datetime | None
    unanswered: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """What a policy would do now: "212 conversations, 3 would go now, 1 without an answer"."""

    conversations: int
    go_now: int
    go_now_unanswered: int


def preview(kept: Iterable[Kept], policy: Policy, now: datetime) -> Preview:
    """Count what would be forgotten at once if this policy came into force."""
    total = going = unanswered = 0
    for one in kept:
        total += 1
        promise = shorter_of(one.promise, promise_for(policy, one.channel, one.urgency))
        due = due_after(
            promise,
            created=one.created,
            last_activity=one.last_activity,
            closed_at=one.closed_at,
        )
        if due <= now:
            going += 1
            unanswered += one.unanswered
    return Preview(total, going, unanswered)


@dataclass(frozen=True, slots=True)
class RuleInWords:
    """One rule for a reader. ``channels`` and ``urgencies`` are empty where any matches.

    ``text`` is the English sentence; the desk says it in other languages from the numbers.
    """

    rule_id: str
    channels: tuple[str, ...]
    urgencies: tuple[int, ...]
    promise: Promise
    text: str


def as_sentences(policy: Policy) -> list[RuleInWords]:
    """Return each rule, in order, as numbers and as a plain sentence."""
    return [
        RuleInWords(
            rule.id,
            tuple(sorted(rule.channels or ())),
            tuple(sorted(rule.urgencies or ())),
            rule.promise,
            f"Erased {_length(rule.promise.inactivity_hours)} after the last message, "
            f"{_length(rule.promise.absolute_hours)} after the first at the latest, "
            f"{_length(rule.promise.closed_hours)} after closing.",
        )
        for rule in policy.rules
    ]


def _length(hours: int) -> str:
    number, unit = (hours // 24, "day") if hours % 24 == 0 else (hours, "hour")
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


class _Reader:
    """Reads a table into rules and collects every problem on the way."""

    def __init__(self, channels: frozenset[str]) -> None:
        self.problems: list[Problem] = []
        self._channels = channels

    def read(self, table: Mapping[str, object]) -> list[Rule]:
        for key in sorted(set(table) - {"schema", "rule"}):
            self._say("unknown_key", "file", f'"{key}" is not known here: remove it')
        schema = table.get("schema")
        if schema != _SCHEMA or isinstance(schema, bool):
            self._say("schema", "file", f"write schema = {_SCHEMA} at the top")
        entries = table.get("rule")
        if not isinstance(entries, list) or not entries:
            self._say("no_rules", "file", "there is no rule: add a [[rule]] with id and periods")
            return []
        if len(entries) > _MOST_RULES:
            self._say("too_many", "file", f"at most {_MOST_RULES} rules: join some")
            return []
        rules = [
            rule
            for number, entry in enumerate(entries, 1)
            if (rule := self._rule(number, entry)) is not None
        ]
        if len(rules) == len(entries):
            self._check_together(rules)
        return rules

    def _say(self, code: str, where: str, text: str) -> None:
        self.problems.append(Problem(code, where, text))

    def _rule(self, number: int, entry: object) -> Rule | None:
        where = f"rule {number}"
        if not isinstance(entry, dict):
            self._say("not_a_rule", where, "write it as a [[rule]] table")
            return None
        before = len(self.problems)
        name = entry.get("id")
        if not isinstance(name, str) or not name.strip():
            self._say("no_id", where, 'give it a name: id = "…"')
            name = ""
        else:
            where = f'rule "{name}"'
        for key in sorted(set(entry) - _RULE_KEYS):
            self._say("unknown_key", where, f'"{key}" is not known here: remove it')
        channels, urgencies = self._conditions(where, entry.get("when"))
        promise = self._promise(where, entry)
        if promise is None or len(self.problems) > before:
            return None
        return Rule(name, promise, channels, urgencies)

    def _conditions(
        self, where: str, when: object
    ) -> tuple[frozenset[str] | None, frozenset[int] | None]:
        if when is None:
            return None, None
        if not isinstance(when, dict) or not when:
            self._say("when", where, '"when" needs a channel or an urgency, or leave it out')
            return None, None
        for key in sorted(set(when) - {"channel", "urgency"}):
            self._say("unknown_key", where, f'"when.{key}" is not known: channel or urgency')
        channels: frozenset[str] | None = None
        urgencies: frozenset[int] | None = None
        if "channel" in when:
            named = self._listed(where, "channel", when["channel"])
            channels = frozenset(value for value in named if isinstance(value, str))
            wrong = [value for value in named if value not in self._channels]
            if wrong:
                known = ", ".join(sorted(self._channels))
                self._say("channel", where, f"a channel is not known: choose from {known}")
        if "urgency" in when:
            named = self._listed(where, "urgency", when["urgency"])
            numbers = [value for value in named if type(value) is int and value in URGENCIES]
            urgencies = frozenset(numbers)
            if len(numbers) != len(named):
                self._say("urgency", where, "an urgency is 0, 1, 2 or 3, without quotes")
        return channels, urgencies

    def _listed(self, where: str, key: str, value: object) -> list[object]:
        if isinstance(value, list) and value:
            return value
        self._say("when", where, f'"when.{key}" is a list with at least one entry')
        return []

    def _promise(self, where: str, entry: Mapping[str, object]) -> Promise | None:
        hours: dict[str, int] = {}
        for key in _PERIODS:
            if key == "address" and key not in entry:
                continue
            value = self._hours(where, key, entry.get(key))
            if value is not None:
                hours[key] = value
        if not set(_PERIODS) - {"address"} <= set(hours):
            return None
        absolute = hours["absolute"]
        for key in ("inactivity", "closed", "address"):
            if hours.get(key, 0) > absolute:
                self._say(
                    "longer_than_absolute",
                    where,
                    f'"{key}" is longer than "absolute", which ends it first: '
                    f'shorten "{key}" or lengthen "absolute"',
                )
        return Promise(
            hours["inactivity"],
            absolute,
            hours["closed"],
            hours.get("address", hours["inactivity"]),
        )

    def _hours(self, where: str, key: str, value: object) -> int | None:
        if value is None:
            self._say("no_period", where, f'"{key}" is missing: for example {key} = "14d"')
            return None
        number, unit = (value[:-1], value[-1:]) if isinstance(value, str) else ("", "")
        plain = number.isascii() and number.isdigit() and len(number) <= _MOST_DIGITS
        if not plain or unit not in _HOURS_IN:
            self._say(
                "period", where, f'"{key}" is a number of hours or days in quotes: "36h" or "14d"'
            )
            return None
        hours = int(number) * _HOURS_IN[unit]
        if not SHORTEST_HOURS <= hours <= LONGEST_HOURS:
            self._say(
                "outside_rails",
                where,
                f'"{key}" must lie between {SHORTEST_HOURS} hour and '
                f"{LONGEST_HOURS // 24} days; nothing is kept for ever",
            )
            return None
        return hours

    def _check_together(self, rules: list[Rule]) -> None:
        """Names are unique, the last rule matches everything, and every rule can be reached."""
        names = [rule.id for rule in rules]
        for name in sorted({name for name in names if names.count(name) > 1}):
            self._say("same_id", f'rule "{name}"', "two rules have this id: rename one")
        if rules[-1].channels is not None or rules[-1].urgencies is not None:
            self._say("no_default", f'rule "{rules[-1].id}"', 'the last rule must have no "when"')
        # None stands for a channel nobody has named, and for an urgency that is not known yet.
        kinds: set[tuple[str | None, int | None]] = set(
            product((*self._channels, None), (*URGENCIES, None))
        )
        for rule in rules:
            reached = {
                (channel, urgency)
                for channel, urgency in kinds
                if (rule.channels is None or channel in rule.channels)
                and (rule.urgencies is None or urgency in rule.urgencies)
            }
            if not reached:
                self._say(
                    "unreachable",
                    f'rule "{rule.id}"',
                    "earlier rules take everything it could match: move it up or remove it",
                )
            kinds -= reached
