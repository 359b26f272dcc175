"""Python seals and JavaScript opens; JavaScript seals the same and Python opens."""

import json
import subprocess
from pathlib import Path

from vault import envelope, roster, sealing, wraps
from vault.sealing import Kind, Secret

SCRIPT = Path(__file__).parents[2] / "browser/tests/interop.mjs"
ID = sealing.random_bytes(16)


def content():
    return envelope.Envelope(
        conversation_id=ID,
        message_id=sealing.random_bytes(16),
        writer_id=sealing.random_bytes(16),
        counter=2**53 - 1,
        direction=envelope.Direction.CLIENT_TO_TEAM,
        origin=envelope.Origin.CLIENT,
        epoch=0,
        time_ms=1_763_000_000_123,
        danger=True,
        format=envelope.Format.MESSAGE,
        body=envelope.encode_body(envelope.Text("أحتاج مساعدة 🌱\n", "Amal")),
    )


def founding(signer):
    person = roster.Person(ID, "ada", "Ada", bytes(32), signer.public, roster.Role(5))
    keys = [sealing.random_bytes(32) for _ in range(5)]
    return roster.Founding(signer.public, person, *keys, recovery_box_key=None)


class Sample:
    """Fresh keys and contents, each kind of blob sealed with them, and how each opens."""

    def __init__(self):
        self.keys = sealing.new_box_keys()
        self.signer = sealing.sign_keys(Secret(sealing.random_bytes(32)))
        self.seed = Secret(sealing.random_bytes(32))
        self.founding = roster.sign_founding(founding(self.signer), self.signer, 1_763_000_000)
        self.newcomer = roster.Person(
            sealing.random_bytes(16), "béa", "Béa", bytes(32), bytes(32), roster.Role.COUNSELLOR
        )

    def seal_all(self):
        public, conversation = self.keys.public, wraps.new_conversation_keys()
        outbox = wraps.OutboxItem(ID, ID, 3, "signal", "We are here. 🌱")
        team = wraps.TeamWrap(ID, 3, conversation, self.signer.public)
        client = wraps.ClientWrap(ID, conversation.messages, bytes(32), b"\1" * 32)
        address = wraps.Address(ID, "signal", "+49 151", "")
        copy = wraps.ScreeningCopy(ID, ID, danger=False, text="🌱" * 500, language_hint="tr")
        shred = Secret(public)
        return {
            "seal": sealing.seal(Kind.KEEPER_REQUEST, public, b"request"),
            "outer": sealing.outer_seal(shred, Kind.TEAM_WRAP, ID, public, b"inner"),
            "envelope": envelope.seal_envelope(content(), Kind.MESSAGE, public, self.signer),
            "team": wraps.seal_team_wrap(public, team),
            "client": wraps.seal_client_wrap(public, client),
            "outbox": wraps.seal_outbox_item(public, outbox, self.signer),
            "address": wraps.seal_address(public, address),
            "screening": wraps.seal_screening_copy(public, copy),
            "staff": wraps.seal_staff_wrap(self.keys.secret, ID, self.seed),
            "grant": wraps.seal_grant(public, 3, self.seed),
            "earlier": wraps.seal_earlier_seed(public, 3, self.seed),
        }

    def open_all(self, blobs):
        keys, public = self.keys, self.keys.public
        directions = {envelope.Direction.CLIENT_TO_TEAM}
        opened = envelope.open_envelope(blobs["envelope"], Kind.MESSAGE, keys, ID, directions)
        assert envelope.is_verified(opened, self.signer.public)
        outbox = wraps.open_outbox_item(keys, blobs["outbox"], ID, ID)
        assert wraps.is_outbox_item_verified(outbox, self.signer.public)
        shred = Secret(public)
        return [
            sealing.open_sealed(Kind.KEEPER_REQUEST, keys, blobs["seal"]),
            sealing.outer_open(shred, Kind.TEAM_WRAP, ID, public, blobs["outer"]),
            opened,
            wraps.open_team_wrap(keys, blobs["team"], ID, 3),
            wraps.open_client_wrap(keys, blobs["client"], ID),
            outbox,
            wraps.open_address(keys, blobs["address"], ID),
            wraps.open_screening_copy(keys, blobs["screening"]),
            wraps.open_staff_wrap(keys.secret, ID, blobs["staff"]),
            wraps.open_grant(keys, blobs["grant"], 3),
            wraps.open_earlier_seed(keys, blobs["earlier"], 3),
        ]


def in_javascript(sample, blobs):
    given = {
        "secret": sample.keys.secret.reveal().hex(),
        "seed": sample.signer.seed.reveal().hex(),
        "id": ID.hex(),
        "person": roster.person_payload(sample.newcomer).hex(),
        "blobs": {name: blob.hex() for name, blob in blobs.items()},
    }
    done = subprocess.run(
        ["node", SCRIPT], input=json.dumps(given), capture_output=True, check=False, text=True
    )
    assert done.returncode == 0, done.stderr
    return {name: bytes.fromhex(blob) for name, blob in json.loads(done.stdout).items()}


def test_each_language_opens_what_the_other_sealed():
    sample = Sample()
    mine = sample.seal_all()
    theirs = in_javascript(sample, mine)
    assert theirs.keys() == mine.keys()
    assert all(theirs[name] != mine[name] for name in mine)  # sealed anew, not handed back
    assert [len(theirs[name]) for name in mine] == [len(mine[name]) for name in mine]
    assert sample.open_all(theirs) == sample.open_all(mine)


def test_each_language_extends_the_others_roster():
    sample = Sample()
    entry = in_javascript(sample, {"roster": sample.founding})["roster"]
    verified = roster.verify_chain([sample.founding, entry])
    assert verified.people[sample.newcomer.staff_id] == sample.newcomer
