"""Staff who have signed in: proofs by the roster, roles, the budget, roster entries, grants."""

from dataclasses import replace

import pytest

from tests.intake_server.keeper.world import Client, Member
from vault.keeper_protocol import BadRequest, Busy, NoRoot, NotYours, Refused, Verb, u32, u64
from vault.keeper_requests import make_proof, open_answer, sealed_inner
from vault.roster import EntryType, Role, person_payload, removal_payload, sign_entry, verify_chain
from vault.sealing import new_box_keys, random_bytes
from vault.wraps import (
    TeamWrap,
    open_grant,
    open_team_wrap,
    seal_grant,
    seal_team_wrap,
    team_keys,
)

HOUR = 3600
DAY = 24 * HOUR


async def test_a_counsellor_opens_a_team_wrap(hotline):
    client, made = await hotline.write_in()
    inner, owner, cpk, npk, verify_key, due, latest, _ = await hotline.open_team_wrap(
        hotline.first, made
    )
    team = team_keys(hotline.team_seeds[0]).box
    wrap = open_team_wrap(team, inner, client.conversation_id, 1)
    assert wrap.keys.messages.public == cpk
    assert wrap.keys.notes.public == npk
    assert wrap.verify_key == verify_key == client.sign.public
    assert owner == client.conversation_id
    assert (due, latest) == (u64(made.due), u64(made.latest))


async def test_a_wrap_opens_only_with_its_own_epoch_and_conversation(hotline, refused):
    _, made = await hotline.write_in()
    _, other = await hotline.write_in()
    with refused:
        await hotline.open_team_wrap(hotline.first, replace(made, team_wrap=other.team_wrap))
    with refused:
        await hotline.open_team_wrap(hotline.first, made, epoch=2)
    with refused:
        await hotline.open_team_wrap(hotline.first, replace(made, team_wrap=made.client_wrap))


@pytest.mark.parametrize("roles", [Role.ADMIN, Role.SUPERVISOR, Role.AUDITOR])
async def test_only_a_counsellor_opens_replies_and_rewraps(hotline, refused, roles):
    _, made = await hotline.write_in()
    member = await hotline.hire("Ben", roles)
    with refused:
        await hotline.open_team_wrap(member, made)
    with refused:
        await hotline.reply(member, made.reference)
    with refused:
        await rewrap(hotline, member, Client(), made.reference)


async def test_only_a_supervisor_holds(hotline, refused):
    _, made = await hotline.write_in()
    counsellor = await hotline.hire("Ben", Role.COUNSELLOR | Role.ADMIN)
    with refused:
        await hotline.hold(counsellor, made.reference, hotline.now() + HOUR)


@pytest.mark.parametrize("roles", [Role.ADMIN, Role.AUDITOR])
async def test_neither_admin_nor_auditor_closes(hotline, refused, roles):
    _, made = await hotline.write_in()
    member = await hotline.hire("Ben", roles)
    with refused:
        await hotline.close_conversation(member, made.reference)


async def test_nothing_of_staff_before_a_root_is_pinned(empty):
    with pytest.raises(NoRoot):
        await empty.hold(empty.first, (await pretend_reference()), 0)


async def pretend_reference():
    from vault.keeper_protocol import Reference

    return Reference(0, bytes(16))


# --- proofs -------------------------------------------------------------------------------


async def test_a_stranger_is_refused(hotline, refused):
    _, made = await hotline.write_in()
    with refused:
        await hotline.open_team_wrap(Member("Mallory"), made)
    with refused:
        await hotline.open_team_wrap(Member("Mallory", staff_id=hotline.first.staff_id), made)


async def test_a_removed_member_is_refused_at_once(hotline, refused):
    _, made = await hotline.write_in()
    member = await hotline.hire("Ben", Role.COUNSELLOR)
    assert await hotline.open_team_wrap(member, made)
    proof, _ = await hotline.staff_proof(
        member, Verb.OPEN_TEAM_WRAP, made.reference.packed, member.staff_id, u32(1)
    )
    await hotline.dismiss(member)
    with refused:
        await hotline.desk.open_team_wrap(made.reference, member.staff_id, 1, made.team_wrap, proof)
    with refused:
        await hotline.reply(member, made.reference)


async def test_a_member_who_lost_a_role_is_refused(hotline, refused):
    _, made = await hotline.write_in()
    member = await hotline.hire("Ben", Role.COUNSELLOR)
    await hotline.append(EntryType.PERSON, person_payload(member.person(Role.AUDITOR)))
    with refused:
        await hotline.open_team_wrap(member, made)


async def test_altered_arguments_are_refused(hotline, refused):
    _, made = await hotline.write_in()
    _, other = await hotline.write_in()
    first, desk = hotline.first, hotline.desk
    staff_id, until = first.staff_id, hotline.now() + HOUR

    async def proof():
        signed = (made.reference.packed, staff_id, u64(until))
        return (await hotline.staff_proof(first, Verb.HOLD, *signed))[0]

    with refused:
        await desk.hold(other.reference, staff_id, until, await proof())
    with refused:
        await desk.hold(made.reference, random_bytes(16), until, await proof())
    with refused:
        await desk.hold(made.reference, staff_id, until + 60, await proof())
    with refused:
        await desk.close(made.reference, staff_id, await proof())
    held = await desk.hold(made.reference, staff_id, until, await proof())
    assert held.until == until


async def test_what_is_long_is_signed_by_its_hash(hotline, refused):
    client = Client()
    _, made = await hotline.message_in(client)
    first, message_id = hotline.first, random_bytes(16)
    start_key = (await hotline.desk.hello()).start_key
    items = [sealed_inner(start_key, hotline.outbox_item(client, message_id)) for _ in range(2)]
    proof, _ = await hotline.staff_proof(
        first, Verb.REPLIED, made.reference.packed, first.staff_id, message_id, items[0]
    )
    with refused:
        await hotline.desk.replied(made.reference, first.staff_id, message_id, items[1], proof)


async def test_stale_reused_and_foreign_nonces_are_refused(hotline, refused):
    _, made = await hotline.write_in()
    first = hotline.first
    signed = (made.reference.packed, first.staff_id)
    proof, _ = await hotline.staff_proof(first, Verb.CLOSE, *signed)
    await hotline.desk.close(made.reference, first.staff_id, proof)
    with refused:
        await hotline.desk.close(made.reference, first.staff_id, proof)
    proof, _ = await hotline.staff_proof(first, Verb.CLOSE, *signed)
    hotline.clock.turn(121)
    with refused:
        await hotline.desk.close(made.reference, first.staff_id, proof)
    nonce = await hotline.web.nonce()
    key = new_box_keys().public
    proof = make_proof(first.keys.sign, Verb.CLOSE, signed, nonce, key)
    with refused:
        await hotline.desk.close(made.reference, first.staff_id, proof)


# --- budget -------------------------------------------------------------------------------


async def test_300_openings_an_hour_for_each_person(hotline):
    _, made = await hotline.write_in()
    other = await hotline.hire("Ben", Role.COUNSELLOR)
    for _ in range(300):
        await hotline.open_team_wrap(hotline.first, made)
    hotline.clock.turn(60)
    with pytest.raises(Busy) as caught:
        await hotline.open_team_wrap(hotline.first, made)
    assert caught.value.seconds == HOUR - 60
    assert await hotline.open_team_wrap(other, made)
    assert await rewrap(hotline, hotline.first, Client(), made.reference)
    hotline.clock.turn(HOUR - 60)
    assert await hotline.open_team_wrap(hotline.first, made)


async def test_a_bad_proof_spends_nothing_of_somebodys_budget(hotline, refused):
    _, made = await hotline.write_in()
    forger = Member("Ada", staff_id=hotline.first.staff_id)
    for _ in range(301):
        with refused:
            await hotline.open_team_wrap(forger, made)
    assert await hotline.open_team_wrap(hotline.first, made)


# --- dates --------------------------------------------------------------------------------


async def test_a_reply_moves_the_date_and_leaves_closed_what_is_closed(hotline):
    _, made = await hotline.write_in()
    hotline.clock.turn(10 * HOUR)
    replied, _, (sealed,) = await hotline.reply(hotline.first, made.reference)
    assert replied.due == made.due + 10 * HOUR
    assert sealed == u64(replied.due)
    assert replied.outbox_item is None
    await hotline.close_conversation(hotline.first, made.reference)
    await hotline.reply(hotline.first, made.reference)
    record = hotline.keeper.slots.get(made.reference.slot)
    assert record.is_closed


async def test_closing_makes_it_sooner_and_never_later(hotline):
    client, made = await hotline.write_in()
    due, (sealed,) = await hotline.close_conversation(hotline.first, made.reference)
    assert due == hotline.now() + DAY
    assert sealed == u64(due)
    sooner, _ = await hotline.change_due(client, hotline.now() + HOUR)
    assert (await hotline.close_conversation(hotline.first, made.reference))[0] == sooner


async def test_a_supervisor_holds_for_180_days_at_most_and_ends_it(hotline):
    from vault.keeper_requests import Periods

    _, made = await hotline.write_in(periods=Periods(24, 8760, 24))
    now = hotline.now()
    hold = hotline.hold
    assert (await hold(hotline.first, made.reference, now + HOUR))[0] == now + HOUR
    assert (await hold(hotline.first, made.reference, now + 300 * DAY))[0] == now + 180 * DAY
    assert (await hold(hotline.first, made.reference, now))[0] == 0


# --- re-wrapping, roster, grants ----------------------------------------------------------


async def rewrap(hotline, member, client, reference, epoch=None):
    epoch = len(hotline.team_seeds) if epoch is None else epoch
    team = team_keys(hotline.team_seeds[-1]).box.public
    inner = seal_team_wrap(team, TeamWrap(client.conversation_id, epoch, client.keys, None))
    request = sealed_inner((await hotline.desk.hello()).start_key, inner)
    proof, reply = await hotline.staff_proof(
        member, Verb.REWRAP, reference.packed, member.staff_id, u32(epoch), request
    )
    rewrapped = await hotline.desk.rewrap(reference, member.staff_id, epoch, request, proof)
    assert open_answer(reply, proof.nonce, rewrapped.answer) == ()
    return rewrapped.team_wrap


async def test_after_a_new_epoch_conversations_are_rewrapped_to_it_alone(hotline, refused):
    client, made = await hotline.write_in()
    await hotline.next_epoch()
    with refused:
        await rewrap(hotline, hotline.first, client, made.reference, epoch=1)
    outer = await rewrap(hotline, hotline.first, client, made.reference)
    opened = await hotline.open_team_wrap(hotline.first, replace(made, team_wrap=outer), epoch=2)
    team = team_keys(hotline.team_seeds[1]).box
    assert open_team_wrap(team, opened[0], client.conversation_id, 2)
    assert await hotline.open_team_wrap(hotline.first, made), "the earlier one opens still"


async def test_what_is_rewrapped_must_be_a_team_wrap(hotline):
    client, made = await hotline.write_in()
    request = sealed_inner(
        (await hotline.desk.hello()).start_key, hotline.web_request(client).client_wrap
    )
    first = hotline.first
    proof, _ = await hotline.staff_proof(
        first, Verb.REWRAP, made.reference.packed, first.staff_id, u32(1), request
    )
    with pytest.raises(BadRequest):
        await hotline.desk.rewrap(made.reference, first.staff_id, 1, request, proof)


async def test_the_roster_grows_and_is_told_to_everybody(hotline):
    await hotline.hire("Ben", Role.COUNSELLOR)
    await hotline.next_epoch()
    for peer in (hotline.web, hotline.desk, hotline.courier, hotline.caretaker, hotline.operator):
        part = await peer.roster()
        roster = verify_chain(part.entries, fingerprint=(await peer.hello()).root)
        assert roster.head == part.head
        assert roster.number == 3
        assert (await peer.roster(after=2)).entries == part.entries[2:]
        assert (await peer.roster(after=99)).entries == ()


async def test_a_long_roster_comes_whole(hotline):
    from vault.roster import policy_payload

    for _ in range(8):
        await hotline.append(EntryType.POLICY, policy_payload(random_bytes(15_000)))
    assert (await hotline.roster()).number == 9


async def test_without_a_root_there_is_no_roster(empty):
    part = await empty.web.roster()
    assert (part.head, part.entries) == (None, ())


async def test_the_roster_survives_a_restart(hotline):
    await hotline.hire("Ben", Role.COUNSELLOR)
    head = (await hotline.web.roster()).head
    await hotline.restart()
    assert (await hotline.web.roster()).head == head


async def test_entries_that_do_not_hold_are_refused(hotline, refused):
    ben = await hotline.hire("Ben", Role.COUNSELLOR)
    roster = await hotline.roster()
    now, first = hotline.now(), hotline.first
    good = sign_entry(
        roster,
        EntryType.PERSON,
        person_payload(Member("Eve").person(Role.ADMIN)),
        first.staff_id,
        first.keys.sign,
        now,
    )

    async def append(member, entry):
        proof, _ = await hotline.staff_proof(member, Verb.APPEND, member.staff_id, entry)
        await hotline.desk.append(member.staff_id, entry, proof)

    with refused:
        await append(ben, good)  # signed by somebody else
    with refused:
        await append(first, good[:-1] + bytes([good[-1] ^ 1]))
    with refused:
        await append(first, b"not an entry")
    with refused:
        await append(first, roster_entry_of(await hotline.desk.roster(), 1))
    proof, _ = await hotline.staff_proof(first, Verb.APPEND, first.staff_id, b"other")
    with refused:
        await hotline.desk.append(first.staff_id, good, proof)
    assert (await hotline.roster()).number == 2
    await append(first, good)
    assert (await hotline.roster()).number == 3


def roster_entry_of(part, number):
    return part.entries[number - 1]


async def test_an_appended_entry_may_be_sent_again(hotline):
    first = hotline.first
    entry = await hotline.append(
        EntryType.PERSON, person_payload(Member("Ben").person(Role.COUNSELLOR))
    )
    proof, _ = await hotline.staff_proof(first, Verb.APPEND, first.staff_id, entry)
    appended = await hotline.desk.append(first.staff_id, entry, proof)
    assert appended.head == (await hotline.roster()).head
    assert (await hotline.roster()).number == 2


async def test_the_last_admin_stays(hotline):
    ben = await hotline.hire("Ben", Role.COUNSELLOR)
    entry_proof = hotline.first.staff_id
    with pytest.raises(ValueError, match="last admin"):
        await hotline.dismiss(hotline.first)
    assert entry_proof in (await hotline.roster()).people
    assert ben.staff_id in (await hotline.roster()).people


async def put_grant(hotline, granter, member, epoch, seed):
    grant = seal_grant(member.keys.box.public, epoch, seed)
    proof, reply = await hotline.staff_proof(
        granter, Verb.PUT_GRANT, granter.staff_id, member.staff_id, u32(epoch), grant
    )
    answer = await hotline.desk.put_grant(granter.staff_id, member.staff_id, epoch, grant, proof)
    assert open_answer(reply, proof.nonce, answer) == ()


async def grants(hotline, member):
    _, (_, _, _, *given) = await hotline.sign_in(member)
    return given


async def test_grants_are_kept_for_members_and_handed_out_at_sign_in(hotline):
    seed, first = hotline.team_seeds[0], hotline.first
    await put_grant(hotline, first, first, 1, seed)
    await hotline.restart()
    (grant,) = await grants(hotline, first)
    assert open_grant(first.keys.box, grant, 1) == seed


async def test_who_makes_an_epoch_stores_the_own_grant_first(hotline):
    """So that a crash between the two never leaves a team key that nobody holds."""
    first = hotline.first
    from vault.sealing import Secret

    await put_grant(hotline, first, first, 2, Secret(bytes(32)))
    number = await hotline.next_epoch()
    await put_grant(hotline, first, first, number, hotline.team_seeds[-1])
    (grant,) = await grants(hotline, first)
    assert open_grant(first.keys.box, grant, 2) == hotline.team_seeds[-1]


async def test_grants_of_other_epochs_strangers_and_roles_are_refused(hotline, refused):
    seed, first = hotline.team_seeds[0], hotline.first
    auditor = await hotline.hire("Ben", Role.AUDITOR)
    for granter, member, epoch in (
        (first, first, 0),
        (first, first, 3),
        (first, Member("Eve"), 1),
        (auditor, first, 1),
    ):
        with refused:
            await put_grant(hotline, granter, member, epoch, seed)


async def test_what_is_no_grant_is_malformed(hotline):
    first = hotline.first
    grant = random_bytes(90)
    proof, _ = await hotline.staff_proof(
        first, Verb.PUT_GRANT, first.staff_id, first.staff_id, u32(1), grant
    )
    with pytest.raises(BadRequest):
        await hotline.desk.put_grant(first.staff_id, first.staff_id, 1, grant, proof)


async def test_a_removed_members_grant_goes(hotline):
    ben = await hotline.hire("Ben", Role.COUNSELLOR)
    await put_grant(hotline, hotline.first, ben, 1, hotline.team_seeds[0])
    grant_file = hotline.folder / "keeper" / "grants.bin"
    assert ben.staff_id in grant_file.read_bytes()
    await hotline.dismiss(ben)
    assert ben.staff_id not in grant_file.read_bytes()


async def test_a_removed_member_cannot_remove(hotline, refused):
    ben = await hotline.hire("Ben", Role.ADMIN)
    roster = await hotline.roster()
    entry = sign_entry(
        roster,
        EntryType.REMOVAL,
        removal_payload(hotline.first.staff_id),
        ben.staff_id,
        ben.keys.sign,
        hotline.now(),
    )
    proof, _ = await hotline.staff_proof(ben, Verb.APPEND, ben.staff_id, entry)
    await hotline.dismiss(ben)
    with refused:
        await hotline.desk.append(ben.staff_id, entry, proof)


async def test_the_verbs_of_others_are_not_the_desks(hotline):
    for verb in (Verb.CREATE, Verb.OPEN_CLIENT_WRAP, Verb.FORGET_DUE, Verb.SET_UP_TOKEN):
        with pytest.raises(NotYours):
            await hotline.desk._link.ask(verb)


async def test_refusals_never_say_why(hotline):
    _, made = await hotline.write_in()
    texts = set()
    for member in (Member("Mallory"), Member("Ada", staff_id=hotline.first.staff_id)):
        with pytest.raises(Refused) as caught:
            await hotline.open_team_wrap(member, made)
        texts.add(str(caught.value))
    assert texts == {"refused"}
