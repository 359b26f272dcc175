"""The newest version of the details is pinned in order, by who is an admin at that moment."""

import pytest

from vault.keeper_protocol import MOST_BEFORE_PINNING, Peer, Refused, Verb, u32
from vault.keeper_requests import open_answer
from vault.mirror import unseal
from vault.mirror_client import MirrorKeeper
from vault.roster import Role
from vault.sealing import new_box_keys
from vault.slot_records import HEADER_COPY, read_header

FIRST, SECOND, OTHER = b"1" * 32, b"2" * 32, b"3" * 32


async def pin(hotline, member, number, digest):
    proof, reply = await hotline.staff_proof(
        member, Verb.PIN_DETAILS, member.staff_id, u32(number), digest
    )
    answer = await hotline.team.pin_details(member.staff_id, number, digest, proof)
    assert open_answer(reply, proof.nonce, answer) == ()


async def pinned(hotline):
    found = await hotline.web.details()
    assert found == await hotline.desk.details() == await hotline.operator.details()
    return found.number, found.digest


async def test_versions_are_pinned_one_after_the_other(hotline):
    assert await pinned(hotline) == (0, b"")
    await pin(hotline, hotline.first, 1, FIRST)
    await pin(hotline, hotline.first, 1, FIRST)  # the same again is the same
    for number, digest in ((1, OTHER), (3, OTHER), (0, OTHER), (2, bytes(32))):
        with pytest.raises(Refused):
            await pin(hotline, hotline.first, number, digest)
    await pin(hotline, hotline.first, 2, SECOND)
    with pytest.raises(Refused):
        await pin(hotline, hotline.first, 1, FIRST)
    assert await pinned(hotline) == (2, SECOND)
    await hotline.restart()
    assert await pinned(hotline) == (2, SECOND)


async def test_only_who_is_an_admin_now_pins(hotline):
    ben = await hotline.hire("Ben", Role.COUNSELLOR)
    kim = await hotline.hire("Kim", Role.ADMIN)
    with pytest.raises(Refused):
        await pin(hotline, ben, 1, FIRST)
    await pin(hotline, kim, 1, FIRST)
    await hotline.dismiss(kim)
    with pytest.raises(Refused):
        await pin(hotline, kim, 2, SECOND)
    assert await pinned(hotline) == (1, FIRST)


async def test_an_installation_from_before_pins_what_it_has_reached(hotline):
    await pin(hotline, hotline.first, 7, FIRST)
    with pytest.raises(Refused):
        await pin(hotline, hotline.first, 9, SECOND)
    await pin(hotline, hotline.first, 8, SECOND)


@pytest.mark.parametrize("number", [MOST_BEFORE_PINNING + 1, 2**32 - 1])
async def test_the_first_pin_leaves_room_for_all_that_follow(hotline, number):
    with pytest.raises(Refused):
        await pin(hotline, hotline.first, number, FIRST)
    assert await pinned(hotline) == (0, b"")
    await pin(hotline, hotline.first, MOST_BEFORE_PINNING, FIRST)
    await pin(hotline, hotline.first, MOST_BEFORE_PINNING + 1, SECOND)


async def test_the_mirror_carries_the_pin(hotline, tmp_path):
    """Brought back after the loss of the machine, the keeper knows which version was the newest."""
    await pin(hotline, hotline.first, 1, FIRST)
    offline = new_box_keys()
    keeper = MirrorKeeper(hotline.links[Peer.OPERATOR])
    await keeper.set_key(offline.public)
    mirror, slots = tmp_path / "mirror", tmp_path / "slots"
    with mirror.open("wb") as file:
        position, more = 0, True
        while more:
            part, more = await keeper.part(position)
            file.write(part)
            position += len(part)
    with slots.open("wb") as file:
        unseal(mirror, offline, file)
    header = read_header(slots.read_bytes()[:HEADER_COPY])
    assert (header.details_number, header.details_hash) == (1, FIRST)
