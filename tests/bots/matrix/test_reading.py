"""The pure parts: what an event says, what a room is, how far was read, and the account's file."""

import json
import stat

import pytest

from bots.channel import Attachment
from bots.matrix.account import (
    Account,
    AccountError,
    check_homeserver,
    read_account,
    sign_in,
    write_account,
)
from bots.matrix.messages import Said, said_in
from bots.matrix.position import Position, PositionDamaged
from bots.matrix.rooms import RoomState, Verdict, judge, person_in
from tests.bots.matrix.homeserver import free_port

MESSAGE = "m.room.message"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"msgtype": "m.text", "body": "hello"}, Said("hello")),
        ({"msgtype": "m.emote", "body": "waves"}, Said("waves")),
        ({"msgtype": "org.example.new", "body": "unheard of"}, Said("unheard of")),
        ({"msgtype": "m.text", "body": "> <not a reply"}, Said("> <not a reply")),
        ({"msgtype": "m.image", "body": "a.jpg"}, Said(None, (Attachment.PICTURE,))),
        (
            {"msgtype": "m.image", "body": "look", "filename": "a.jpg"},
            Said("look", (Attachment.PICTURE,)),
        ),
        (
            {"msgtype": "m.audio", "body": "a.ogg", "filename": "a.ogg"},
            Said(None, (Attachment.VOICE,)),
        ),
        ({"msgtype": "m.file", "body": "a.pdf"}, Said(None, (Attachment.FILE,))),
        ({"msgtype": "m.key.verification.request", "body": "verify"}, None),
        ({"msgtype": "m.text"}, None),
        ({"msgtype": "m.text", "body": 3}, None),
        ({"body": "no form"}, None),
        ({}, None),
    ],
)
def test_what_a_message_says(content, said):
    assert said_in(MESSAGE, content) == said


def test_other_events_say_nothing():
    assert said_in("m.reaction", {"body": "x", "msgtype": "m.text"}) is None
    assert said_in("m.sticker", {"body": "x"}) == Said(None, (Attachment.PICTURE,))


def test_a_reply_of_nothing_but_a_quote_is_kept_whole():
    related = {"m.relates_to": {"m.in_reply_to": {"event_id": "$1"}}}
    content = {"msgtype": "m.text", "body": "> <@a:b> words"} | related
    assert said_in(MESSAGE, content) == Said("> <@a:b> words")


def a_room(**changes) -> RoomState:
    room = {"others": frozenset({"@kim:a"}), "invited": frozenset(), "encrypted": True}
    return RoomState(**(room | {"join_rule": "invite", "is_space": False} | changes))


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.TALK),
        ({"encrypted": False}, Verdict.OPEN),
        ({"others": frozenset()}, Verdict.EMPTY),
        ({"others": frozenset(), "invited": frozenset({"@kim:a"})}, Verdict.EMPTY),
        ({"invited": frozenset({"@lee:a"})}, Verdict.GROUP),
        ({"others": frozenset({"@kim:a", "@lee:a"})}, Verdict.GROUP),
        ({"join_rule": "public"}, Verdict.GROUP),
        ({"join_rule": "something_new"}, Verdict.GROUP),
        ({"is_space": True}, Verdict.GROUP),
        ({"encrypted": False, "join_rule": "public"}, Verdict.GROUP),
    ],
)
def test_what_a_room_is(changes, verdict):
    assert judge(a_room(**changes)) is verdict


def test_the_person_in_a_room():
    assert person_in(a_room()) == "@kim:a"
    assert person_in(a_room(others=frozenset())) is None
    assert person_in(a_room(others=frozenset({"@kim:a", "@lee:a"}))) is None


async def test_the_position_moves_only_over_what_is_stored(tmp_path):
    position = Position.open(tmp_path)
    assert position.since is None
    first, second = position.begin("one"), position.begin("two")
    first.open += 2
    await position.done(second)
    await position.done(first)
    await position.done(first)
    assert not position.file.exists()
    await position.done(first)
    assert Position.open(tmp_path).since == "two"
    assert stat.S_IMODE(position.file.stat().st_mode) == 0o600


async def test_the_position_remembers_rooms_and_forgets_people(tmp_path):
    position = Position.open(tmp_path)
    await position.done(position.begin("one"))
    await position.note_room("@kim:a", "!room:a")
    assert Position.open(tmp_path).rooms == {"@kim:a": "!room:a"}
    await position.forget("@kim:a")
    assert Position.open(tmp_path).rooms == {}
    assert "@kim:a" not in repr(position)


def test_a_damaged_position_says_what_to_do(tmp_path):
    (tmp_path / "position.json").write_text("[")
    with pytest.raises(PositionDamaged, match="Remove it"):
        Position.open(tmp_path)


def test_the_account_is_for_nobody_else(tmp_path):
    account = Account("https://example.org", "@a:b", "DEVICE", "a-token")
    folder = tmp_path / "matrix"
    write_account(folder, account)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "account.json").stat().st_mode) == 0o600
    assert read_account(folder) == account
    assert "a-token" not in repr(account)


@pytest.mark.parametrize("kept", ["[", "{}", json.dumps({"homeserver": "https://a"})])
def test_a_damaged_account_says_what_to_do(tmp_path, kept):
    (tmp_path / "account.json").write_text(kept)
    with pytest.raises(AccountError, match="again"):
        read_account(tmp_path)
    with pytest.raises(AccountError, match="missing"):
        read_account(tmp_path / "nowhere")


@pytest.mark.parametrize("address", ["http://example.org", "ftp://example.org", "example.org", ""])
def test_a_password_never_travels_in_clear(address):
    with pytest.raises(AccountError, match="https"):
        check_homeserver(address)


@pytest.mark.parametrize(
    "address", ["https://example.org", "http://127.0.0.1:8008", "http://abc.onion"]
)
def test_addresses_that_are_safe(address):
    check_homeserver(address)


async def test_signing_in_says_what_went_wrong(tmp_path, homeserver):
    with pytest.raises(AccountError, match="does not take"):
        await sign_in(homeserver.url, "nobody-here", "wrong", tmp_path)
    with pytest.raises(AccountError, match="does not answer"):
        await sign_in(f"http://127.0.0.1:{free_port()}", "a", "b", tmp_path)
    assert list(tmp_path.iterdir()) == []
