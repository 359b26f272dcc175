"""Whatever bytes arrive, a reader gives what they mean or refuses them; nothing else is raised.

What travels sealed is broken inside its seal as well: anybody can seal to a public key, so what a
box holds is as foreign as what comes over the wire.

HAVENLINE_FUZZ is the number of inputs in all (20,000; `make proof` takes a million), and
HAVENLINE_PROOF_SEED begins another series of them.
"""

import contextlib
import io
import json
import os
import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from bots.signal.envelopes import read_event
from intake_server.desk import (
    attachments_api,
    bodies,
    indicators_api,
    office_bodies,
    team_bodies,
)
from intake_server.organisation import DetailsRefused, read_details
from intake_server.web import api
from intake_server.web.form_fields import (
    EmptyMessage,
    Fields,
    MalformedForm,
    MessageTooLong,
    split,
)
from intake_server.web.form_token import FormTokens, TokenExpired
from intake_server.web.work import MalformedRequest
from tests.proof.mutations import broken
from triage.attached import UnreadableFileError, clean, kind_of
from triage.retention import Promise
from vault import roster as rosters
from vault import wraps
from vault.attachment_format import describe, read_list, write_list
from vault.envelope import (
    Direction,
    Envelope,
    Format,
    Origin,
    Text,
    decode_text,
    encode_body,
    open_envelope,
    seal_envelope,
)
from vault.keeper_protocol import (
    NONCE_SIZE,
    RULES,
    Status,
    decode_answer,
    decode_request,
    encode_answer,
    encode_request,
    read_fields,
)
from vault.keeper_requests import (
    NewConversation,
    NewMessengerConversation,
    Periods,
    SetUp,
    SignIn,
    open_answer,
)
from vault.phrase import NotAPhrase, digits, new_phrase, read_phrase, words
from vault.sealing import (
    CannotOpen,
    Kind,
    Malformed,
    Secret,
    box_keys,
    open_sealed,
    seal,
    sign_keys,
)
from vault.secretstream import opened, sealed
from vault.slot_records import (
    DamagedHeader,
    header_image,
    new_header,
    newest_header,
    read_header,
    read_record,
)

pytestmark = [pytest.mark.proof, pytest.mark.timeout(3600)]

INPUTS = int(os.environ.get("HAVENLINE_FUZZ", "20000"))
SEED = int(os.environ.get("HAVENLINE_PROOF_SEED", "2026"))

KEY = Secret(bytes(range(32)))
BOX, SIGN = box_keys(KEY), sign_keys(KEY)
OWNER, OTHER = bytes(range(16)), bytes(range(16, 32))
TEXT = "they keep my passport, Мне страшно, 助けて 🆘"


@dataclass(frozen=True)
class Reader:
    """Something that reads foreign bytes; `good` are some that it takes."""

    name: str
    good: list[bytes]
    read: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...]

    def __str__(self) -> str:
        return self.name


def within_seal(kind: Kind, blob: bytes, read: Callable[[bytes], object], *, padded: bool):
    """The body of a good blob, and a reader that seals what it is given before reading."""
    body = open_sealed(kind, BOX, blob, padded=padded)
    return [body], lambda data: read(seal(kind, BOX.public, data, padded=padded))


def envelope() -> bytes:
    content = Envelope(
        conversation_id=OWNER,
        message_id=OTHER,
        writer_id=OTHER,
        counter=1,
        direction=Direction.CLIENT_TO_TEAM,
        origin=Origin.CLIENT,
        epoch=0,
        time_ms=1_700_000_000_000,
        danger=True,
        format=Format.MESSAGE,
        body=encode_body(Text(TEXT, "Mira")),
    )
    return seal_envelope(content, Kind.MESSAGE, BOX.public, SIGN)


def read_envelope(blob: bytes) -> object:
    found = open_envelope(blob, Kind.MESSAGE, BOX, OWNER, tuple(Direction))
    return decode_text(found.envelope)


def sealed_things() -> list[tuple[str, Kind, bytes, Callable[[bytes], object], bool]]:
    keys = wraps.conversation_keys(KEY, KEY)
    team = wraps.seal_team_wrap(BOX.public, wraps.TeamWrap(OWNER, 1, keys, SIGN.public))
    client = wraps.seal_client_wrap(
        BOX.public, wraps.ClientWrap(OWNER, BOX, KEY.reveal(), KEY.reveal())
    )
    item = wraps.OutboxItem(OWNER, OTHER, 1, "matrix", TEXT)
    outbox = wraps.seal_outbox_item(BOX.public, item, SIGN)
    address = wraps.seal_address(BOX.public, wraps.Address(OWNER, "matrix", "@a:b", "9-17"))
    copy = wraps.seal_screening_copy(
        BOX.public, wraps.ScreeningCopy(OWNER, OTHER, danger=True, text=TEXT, language_hint="uk")
    )
    periods = Periods(336, 1440, 168)
    first = NewConversation(
        OWNER, OTHER, SIGN.public, BOX.public, BOX.public, 1, periods, team, client
    )
    courier = NewMessengerConversation(
        OWNER, BOX.public, BOX.public, 1, 2, periods, team, KEY.reveal(), 24, address
    )
    grant = wraps.seal_grant(BOX.public, 1, KEY)
    staff = wraps.seal_staff_wrap(KEY, OWNER, KEY)
    set_up = SetUp(founding(), OTHER, OWNER, KEY, Secret(bytes(20)), 123456, staff, grant)
    sign_in = SignIn(OTHER, KEY, 123456, bytes(NONCE_SIZE), BOX.public)
    start = BOX.public
    return [
        ("envelope", Kind.MESSAGE, envelope(), read_envelope, True),
        (
            "team wrap",
            Kind.TEAM_WRAP,
            team,
            lambda blob: wraps.open_team_wrap(BOX, blob, OWNER, 1),
            False,
        ),
        (
            "client wrap",
            Kind.CLIENT_WRAP,
            client,
            lambda blob: wraps.open_client_wrap(BOX, blob, OWNER),
            False,
        ),
        (
            "outbox item",
            Kind.OUTBOX,
            outbox,
            lambda blob: wraps.open_outbox_item(BOX, blob, OWNER, OTHER),
            True,
        ),
        (
            "address",
            Kind.ADDRESS,
            address,
            lambda blob: wraps.open_address(BOX, blob, OWNER),
            True,
        ),
        (
            "screening copy",
            Kind.SCREENING,
            copy,
            lambda blob: wraps.open_screening_copy(BOX, blob),
            True,
        ),
        ("grant", Kind.GRANT, grant, lambda blob: wraps.open_grant(BOX, blob, 1), False),
        *(
            (name, Kind.KEEPER_REQUEST, made.sealed(start), of, False)
            for name, made, of in (
                ("create", first, lambda blob: NewConversation.open(BOX, blob)),
                ("create, courier", courier, lambda blob: NewMessengerConversation.open(BOX, blob)),
                ("set-up", set_up, lambda blob: SetUp.open(BOX, blob)),
                ("sign-in", sign_in, lambda blob: SignIn.open(BOX, blob)),
            )
        ),
        (
            "keeper's answer",
            Kind.KEEPER_ANSWER,
            seal(Kind.KEEPER_ANSWER, start, b"\0\0\0\x18" + bytes(24) + b"\0\0\0\1x"),
            lambda blob: open_answer(BOX, bytes(24), blob),
            False,
        ),
    ]


def founding() -> bytes:
    person = rosters.Person(
        OWNER, "", "Ana", BOX.public, SIGN.public, rosters.Role.COUNSELLOR | rosters.Role.ADMIN
    )
    return rosters.sign_founding(
        rosters.Founding(
            root_key=SIGN.public,
            person=person,
            team_box_key=BOX.public,
            team_sign_key=SIGN.public,
            courier_box_key=BOX.public,
            courier_sign_key=SIGN.public,
            caretaker_sign_key=SIGN.public,
            recovery_box_key=None,
        ),
        SIGN,
        1_700_000_000,
    )


def later_entry(roster: rosters.Roster) -> bytes:
    person = rosters.Person(OTHER, "", "Jo", BOX.public, SIGN.public, rosters.Role.COUNSELLOR)
    payload = rosters.person_payload(person)
    return rosters.sign_entry(roster, rosters.EntryType.PERSON, payload, OWNER, SIGN, 1_700_000_001)


def any_shape(packed: bytes) -> None:
    for rule in RULES.values():
        with contextlib.suppress(Malformed):
            read_fields(rule.arguments, packed)


OF_THE_DESK = tuple(
    kind
    for module in (bodies, team_bodies, office_bodies, attachments_api, indicators_api)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, bodies.Body)
)


def of_the_desk(raw: bytes) -> None:
    for kind in OF_THE_DESK:
        with contextlib.suppress(Malformed):
            bodies.read_body(raw, kind)


def of_the_page(raw: bytes) -> None:
    for kind in (api._First, api._Open, api._Poll, api._Send, api._Due, api._Attach, api._Attached):
        with contextlib.suppress(MalformedRequest):
            given = api._read(raw, kind)
            if isinstance(given, api._First | api._Send):
                api._arriving(given)
            if isinstance(given, api._Open):
                api._proof(given)


def readers() -> list[Reader]:
    found = []
    for name, kind, blob, read, padded in sealed_things():
        found.append(Reader(name, [blob], read, (CannotOpen, Malformed)))
        bodies_, inside = within_seal(kind, blob, read, padded=padded)
        found.append(Reader(f"{name}, within its seal", bodies_, inside, (CannotOpen, Malformed)))
    roster = rosters.verify_chain([founding()])
    tokens = FormTokens(KEY, lambda: 1_700_000_000)
    token = tokens.first(Promise(1, 2, 3, 4), bytes(32)).encode()
    header = header_image(new_header(4096, 1_700_000_000))
    stream = b"".join(sealed([b"x" * 70_000, b"y"], KEY, b"about"))
    one = new_phrase()
    phrases = [" ".join(words(one)).encode(), " ".join(digits(one)).encode()]
    request = encode_request(1, 0x10, OWNER, b"abc")
    answer = encode_answer(1, Status.OK, OWNER, b"abc")
    form = b"do=send&token=abc&text=%E2%82%AC+%F0%9F%86%98&name=Mira&danger=1&rest=&language=en"
    filled = {
        "conversation": api.encode(OWNER),
        "message": api.encode(OTHER),
        "envelope": api.encode(envelope()),
        "copy": None,
        "tag": api.encode(OTHER),
        "nonce": api.encode(bytes(NONCE_SIZE)),
        "reply": api.encode(BOX.public),
        "signature": api.encode(bytes(64)),
    }
    sending = {key: filled[key] for key in ("tag", "nonce", "reply", "signature")} | {
        "message": filled["message"],
        "envelope": filled["envelope"],
        "copy": None,
        "danger": True,
    }
    requests = [json.dumps(sending).encode(), json.dumps(filled).encode(), b'{"after": 1}']
    return [
        *found,
        Reader("request of the page", requests, of_the_page, ()),
        Reader("request of the desk", requests, of_the_desk, ()),
        Reader("keeper request", [request], decode_request, (Malformed,)),
        Reader("keeper answer", [answer], decode_answer, (Malformed,)),
        Reader("fields of each verb", [request[6:]], any_shape, (Malformed,)),
        Reader("first roster entry", [founding()], first_entry, (rosters.RosterError,)),
        Reader(
            "later roster entry",
            [later_entry(roster)],
            lambda raw: rosters.extend(roster, raw),
            (rosters.RosterError,),
        ),
        Reader("form", [form], read_form, (MalformedForm, EmptyMessage, MessageTooLong)),
        Reader("form token", [token], lambda raw: tokens.open(as_typed(raw)), (TokenExpired,)),
        Reader("phrase", phrases, lambda raw: read_phrase(as_typed(raw)), (NotAPhrase,)),
        Reader("slot header", [header], read_header, ()),
        Reader("slot headers", [header * 2], lambda raw: newest_header([raw]), (DamagedHeader,)),
        Reader("record", [bytes((kind,)) * 256 for kind in range(4)], of_a_slot, ()),
        Reader("backup's stream", [stream], read_stream, (CannotOpen, Malformed)),
        *more_readers(),
    ]


def more_readers() -> list[Reader]:
    """What else strangers or a signed row bring."""
    named = [describe("jpeg", 70_000), describe("wav", 1)]
    details = b'{"schema": 1, "made": 7, "mode": "real", "organisation": "House", "country": "DE"}'
    sound = b"RIFF\x30\0\0\0WAVEfmt \x10\0\0\0" + bytes(16) + b"data\x04\0\0\0abcd"
    picture = b"\xff\xd8\xff\xe1\0\x08Exif\0\0\xff\xda\0\2\1\2\xff\xd9"
    film = b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x28moov\0\0\0\x20mvhd" + bytes(24)
    event = {
        "envelope": {
            "sourceUuid": "0b8a3c9e-11a2-4c7e-9f55-0123456789ab",
            "timestamp": 1_700_000_000_000,
            "dataMessage": {"message": TEXT, "attachments": [{"id": "a.jpg", "size": 7}]},
        }
    }
    return [
        Reader(
            "list of attachments",
            [write_list(named).encode()],
            lambda raw: read_list(as_typed(raw)),
            (CannotOpen,),
        ),
        Reader("organisation's details", [details], read_details, (DetailsRefused,)),
        Reader("file of a form", [sound, picture, film], of_a_form, (UnreadableFileError,)),
        Reader("signal's event", [json.dumps(event).encode()], of_signal, ()),
    ]


def of_a_form(raw: bytes) -> object:
    return clean(kind_of(raw), raw)


def of_signal(raw: bytes) -> object:
    try:
        event = json.loads(raw)
    except ValueError:
        return None  # what was no JSON is told from the rest before
    return read_event(event, "+100")


def first_entry(raw: bytes) -> object:
    return rosters.verify_chain([raw])


def as_typed(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def of_a_slot(raw: bytes) -> object:
    """An image always has 256 bytes: that is what is read from the file."""
    return read_record(raw[:256].ljust(256, b"\0"))


def read_stream(raw: bytes) -> object:
    return list(opened(io.BytesIO(raw), KEY, b"about"))


def read_form(raw: bytes) -> None:
    fields = Fields.of(raw)
    first, rest = split(fields.text)
    assert first + rest == fields.text
    fields.words()


ALL = readers()


@pytest.mark.parametrize("reader", ALL, ids=str)
def test_bytes_are_read_or_refused(reader):
    lots = random.Random(f"{SEED} {reader.name}")
    for good in reader.good:
        reader.read(good)
    for _ in range(INPUTS // len(ALL)):
        data = broken(lots, reader.good)
        try:
            reader.read(data)
        except reader.refusals:
            continue
        except Exception as error:
            raise AssertionError(f"{reader.name} raised {error!r} for {data.hex()}") from error
