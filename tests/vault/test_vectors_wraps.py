"""Every vector of wraps and roster; browser/tests/vectors-wraps.test.mjs reads the same."""

import pytest

from tests.vectors.reading import box, cases, read, resolved, signer, unhex
from vault import roster, wraps
from vault.attachment_format import read_list
from vault.page_proposal import Proposal, number_for
from vault.sealing import CannotOpen, Secret

WRAPS, ROSTER = map(read, ("wraps", "roster"))


# --- wraps --------------------------------------------------------------------------------


def open_team_wrap(case):
    return wraps.open_team_wrap(
        box(case["secret"]), unhex(case["blob"]), unhex(case["conversation_id"]), case["epoch"]
    )


def open_client_wrap(case):
    return wraps.open_client_wrap(
        box(case["secret"]), unhex(case["blob"]), unhex(case["conversation_id"])
    )


def open_outbox(case):
    return wraps.open_outbox_item(
        box(case["secret"]),
        unhex(case["blob"]),
        unhex(case["conversation_id"]),
        unhex(case["message_id"]),
    )


def open_address(case):
    return wraps.open_address(
        box(case["secret"]), unhex(case["blob"]), unhex(case["conversation_id"])
    )


def open_screening(case):
    return wraps.open_screening_copy(box(case["secret"]), unhex(case["blob"]))


def open_staff_wrap(case):
    return wraps.open_staff_wrap(
        Secret(unhex(case["wrapping_key"])), unhex(case["staff_id"]), unhex(case["blob"])
    )


def open_grant(case):
    return wraps.open_grant(box(case["secret"]), unhex(case["blob"]), case["epoch"])


def open_earlier_seed(case):
    return wraps.open_earlier_seed(box(case["secret"]), unhex(case["blob"]), case["epoch"])


OPEN = {
    "team_wrap": open_team_wrap,
    "client_wrap": open_client_wrap,
    "outbox": open_outbox,
    "address": open_address,
    "screening": open_screening,
    "staff_wrap": open_staff_wrap,
    "grant": open_grant,
    "earlier_seed": open_earlier_seed,
}


def again(case, blob):
    return {**case, "blob": blob.hex()}


@pytest.mark.parametrize("case", cases(WRAPS["good"]["team_wrap"]))
def test_team_wraps(case):
    wrap = open_team_wrap(case)
    assert wrap.conversation_id.hex() == case["conversation_id"]
    assert wrap.keys.messages.secret.reveal().hex() == case["csk"]
    assert wrap.keys.notes.secret.reveal().hex() == case["nsk"]
    assert (wrap.keys.messages.public.hex(), wrap.keys.notes.public.hex()) == (
        case["cpk"],
        case["npk"],
    )
    assert (wrap.verify_key and wrap.verify_key.hex()) == case["verify_key"]
    blob = wraps.seal_team_wrap(box(case["secret"]).public, wrap)
    assert open_team_wrap(again(case, blob)) == wrap


@pytest.mark.parametrize("case", cases(WRAPS["good"]["client_wrap"]))
def test_client_wraps(case):
    wrap = open_client_wrap(case)
    assert wrap.messages.secret.reveal().hex() == case["csk"]
    assert wrap.messages.public.hex() == case["cpk"]
    assert (wrap.fingerprint.hex(), wrap.head.hex()) == (case["fingerprint"], case["head"])
    blob = wraps.seal_client_wrap(box(case["secret"]).public, wrap)
    assert open_client_wrap(again(case, blob)) == wrap


@pytest.mark.parametrize("case", cases(WRAPS["good"]["outbox"]))
def test_outbox_items(case):
    opened = open_outbox(case)
    assert (opened.item.epoch, opened.item.channel, opened.item.text) == (
        case["epoch"],
        case["channel"],
        case["text"],
    )
    assert opened.item.attachments == (
        read_list(case["attachments"]) if "attachments" in case else ()
    )
    assert wraps.is_outbox_item_verified(opened, unhex(case["signer_public"]))
    blob = wraps.seal_outbox_item(
        box(case["secret"]).public, opened.item, signer(case["signer_seed"])
    )
    assert open_outbox(again(case, blob)) == opened


@pytest.mark.parametrize("case", cases(WRAPS["good"]["address"]))
def test_addresses(case):
    address = open_address(case)
    assert (address.channel, address.address, address.safe_hours) == (
        case["channel"],
        case["address"],
        case["safe_hours"],
    )
    blob = wraps.seal_address(box(case["secret"]).public, address)
    assert open_address(again(case, blob)) == address


@pytest.mark.parametrize("case", cases(WRAPS["good"]["screening"]))
def test_screening_copies(case):
    copy = open_screening(case)
    assert copy == wraps.ScreeningCopy(
        unhex(case["conversation_id"]),
        unhex(case["message_id"]),
        case["danger"],
        case["text"],
        case["language_hint"],
        case["is_answers"],
    )
    blob = wraps.seal_screening_copy(box(case["secret"]).public, copy)
    assert open_screening(again(case, blob)) == copy


@pytest.mark.parametrize("case", cases(WRAPS["good"]["staff_wrap"]))
def test_staff_wraps(case):
    assert open_staff_wrap(case).reveal().hex() == case["seed"]
    key, seed = Secret(unhex(case["wrapping_key"])), Secret(unhex(case["seed"]))
    nonce = unhex(case["nonce"])
    blob = wraps.seal_staff_wrap(key, unhex(case["staff_id"]), seed, nonce=nonce)
    assert blob.hex() == case["blob"]


@pytest.mark.parametrize("name", ["grant", "earlier_seed"])
def test_seeds_of_epochs(name):
    seal = {"grant": wraps.seal_grant, "earlier_seed": wraps.seal_earlier_seed}[name]
    for case in WRAPS["good"][name]:
        seed = OPEN[name](case)
        assert seed.reveal().hex() == case["seed"]
        blob = seal(box(case["secret"]).public, case["epoch"], seed)
        assert OPEN[name](again(case, blob)) == seed


def test_keys_and_tags_from_seeds():
    make = {"staff": wraps.staff_keys, "team": wraps.team_keys, "courier": wraps.courier_keys}
    for case in WRAPS["good"]["key_pairs"]:
        pairs = make[case["whose"]](Secret(unhex(case["seed"])))
        assert pairs.box.public.hex() == case["box_public"]
        assert pairs.sign.public.hex() == case["sign_public"]
    for case in WRAPS["good"]["caretaker_keys"]:
        keys = wraps.caretaker_keys(Secret(unhex(case["seed"])))
        assert keys.public.hex() == case["sign_public"]
    for case in WRAPS["good"]["address_tag"]:
        seed = Secret(unhex(case["courier_seed"]))
        assert wraps.address_tag(seed, case["channel"], case["address"]).hex() == case["tag"]
    for case in WRAPS["good"]["login_tag"]:
        assert wraps.login_tag(case["name"]).hex() == case["tag"]


def test_both_halves_of_a_password():
    for case in WRAPS["good"]["password"]:
        parts = wraps.password_parts(case["password"], unhex(case["salt"]))
        assert parts.authentication.reveal().hex() == case["authentication"]
        assert parts.wrapping.reveal().hex() == case["wrapping"]


def screening_key_holds(case):
    return wraps.is_screening_key_verified(
        unhex(case["signer_public"]), unhex(case["key"]), unhex(case["signature"])
    )


def proof_arguments(case):
    return (
        unhex(case["nonce"]),
        case["verb"],
        tuple(map(unhex, case["signed_arguments"])),
        unhex(case["reply_key"]),
    )


def proof_holds(case):
    return wraps.is_proof_verified(
        unhex(case["signer_public"]), unhex(case["signature"]), *proof_arguments(case)
    )


def outbox_holds(case):
    return wraps.is_outbox_item_verified(open_outbox(case), unhex(case["signer_public"]))


HOLDS = {"outbox": outbox_holds, "screening_key": screening_key_holds, "proof": proof_holds}


def test_signed_keys_and_proofs():
    for case in WRAPS["good"]["screening_key"]:
        key = unhex(case["key"])
        made = wraps.sign_screening_key(signer(case["signer_seed"]), key)
        assert made.hex() == case["signature"]
        assert screening_key_holds(case)
    for case in WRAPS["good"]["proof"]:
        made = wraps.sign_proof(signer(case["signer_seed"]), *proof_arguments(case))
        assert made.hex() == case["signature"]
        assert proof_holds(case)


@pytest.mark.parametrize("name", list(HOLDS))
def test_what_another_signed_is_not_verified(name):
    listed = WRAPS["not_verified"][name]
    assert listed
    for case in listed:
        assert not HOLDS[name](resolved(case, WRAPS["good"][name])), case["why"]


@pytest.mark.parametrize(
    ("name", "case"),
    [
        pytest.param(name, resolved(case, WRAPS["good"][name]), id=f"{name}: {case['why']}")
        for name, listed in WRAPS["refused"].items()
        for case in listed
    ],
)
def test_wraps_that_do_not_open(name, case):
    with pytest.raises(CannotOpen):
        OPEN[name](case)


# --- roster -------------------------------------------------------------------------------


def entries_of(case):
    chain = ROSTER["good"][1]["entries"]
    return [unhex(chain[entry] if isinstance(entry, int) else entry) for entry in case["entries"]]


def fingerprint_of(case):
    return unhex(case["fingerprint"]) if "fingerprint" in case else None


@pytest.mark.parametrize("case", cases(ROSTER["good"]))
def test_chains_that_hold(case):
    verified = roster.verify_chain(entries_of(case), fingerprint=fingerprint_of(case))
    assert verified.fingerprint.hex() == case["fingerprint"]
    assert list(roster.fingerprint_words(verified.fingerprint)) == case["fingerprint_words"]
    assert [one.hex() for one in verified.hashes] == case["hashes"]
    assert verified.head.hex() == case["hashes"][-1]
    assert (verified.number, verified.time) == (len(case["hashes"]), case["time"])
    people = [
        roster.Person(
            unhex(person["staff_id"]),
            person["name"],
            person["shown_name"],
            unhex(person["box_key"]),
            unhex(person["sign_key"]),
            roster.Role(person["roles"]),
        )
        for person in case["people"]
    ]
    assert verified.people == {person.staff_id: person for person in people}
    assert [list(roster.newcomer_words(verified.fingerprint, one)) for one in people] == [
        person["words"] for person in case["people"]
    ]
    chain = entries_of(case)
    prefixes = [roster.verify_chain(chain[: end + 1]) for end in range(len(chain))]
    assert [each.is_epoch_due for each in prefixes] == case["epoch_due"]
    assert {one.hex() for one in verified.removed} == set(case["removed"])
    assert [one.hex() for one in verified.policies] == case["policies"]
    assert [
        {"number": one.number, "box_key": one.box_key.hex(), "sign_key": one.sign_key.hex()}
        for one in verified.epochs
    ] == case["epochs"]
    founding = verified.founding
    for name in ("courier_box_key", "courier_sign_key", "caretaker_sign_key", "recovery_box_key"):
        key = getattr(founding, name)
        assert (key and key.hex()) == case[name]


def test_a_chain_made_again_is_the_same():
    made, entries = ROSTER["made"], [unhex(entry) for entry in ROSTER["good"][1]["entries"]]
    verified = roster.verify_chain(entries[:1])
    first = roster.sign_founding(verified.founding, signer(made["root_seed"]), verified.time)
    assert first == entries[0]
    for step, expected in zip(made["steps"], entries[1:], strict=True):
        entry = roster.sign_entry(
            verified,
            roster.EntryType(step["type"]),
            unhex(step["payload"]),
            unhex(step["signer_id"]),
            signer(step["seed"]),
            step["time"],
        )
        assert entry == expected
        verified = roster.extend(verified, entry)


@pytest.mark.parametrize("case", cases(ROSTER["refused"]))
def test_chains_that_do_not_hold(case):
    with pytest.raises(roster.RosterError):
        roster.verify_chain(entries_of(case), fingerprint=fingerprint_of(case))


@pytest.mark.parametrize("case", cases(WRAPS["good"]["proposal"]))
def test_what_a_page_proposes_and_its_number(case):
    keys = (unhex(case[key]) for key in ("lookup_tag", "verify_key", "box_key"))
    proposal = Proposal(*keys)
    assert proposal.hash.hex() == case["hash"]
    assert number_for(case["code"], proposal.hash) == case["number"]
