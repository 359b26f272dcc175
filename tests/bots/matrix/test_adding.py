"""Signing in: the device is signed as the account's own; a lost folder comes back as the same."""

import io
import json
import shutil

import pytest
from mautrix.types import TrustState

from bots.matrix import identity
from bots.matrix.account import AccountError, Asking, read_account
from bots.matrix.channel import MatrixChannel
from bots.matrix.cross_signing import SigningKeys, sign_device
from intake_server.clock import SystemClock
from intake_server.logs import open_log
from tests.bots.matrix.bench import PICKLE_KEY, Desk, until
from tests.bots.matrix.homeserver import PASSWORD
from tests.bots.matrix.phone import Phone
from tests.bots.signal.bench import XorBox

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:mautrix"),
    pytest.mark.long,
]


@pytest.fixture
async def place(homeserver, tmp_path):
    """A hotline's account, signed in as `havenline channels add matrix` does."""
    made = identity.Place(tmp_path, tmp_path / "identity.backup", XorBox(), PICKLE_KEY)
    name = await homeserver.new_person()
    await identity.set_up(made, homeserver.url, name, PASSWORD)
    return made


def channel_in(place, log):
    account = read_account(place.folder)
    return MatrixChannel(
        account=account,
        folder=place.folder,
        pickle_key=PICKLE_KEY,
        now=SystemClock().unix,
        log=open_log("courier", level="debug", clock=SystemClock(), stream=log),
        is_identity_kept=not identity.is_spent(place, account),
    )


async def careful_phone(homeserver, hotline):
    """Somebody whose app writes to no device that its account has not signed."""
    phone = await Phone(homeserver, hotline).sign_in(await homeserver.new_person())
    phone.olm.send_keys_min_trust = TrustState.CROSS_SIGNED_TOFU
    return phone


async def test_an_app_that_wants_signed_devices_reaches_the_hotline(place, homeserver):
    desk, channel = Desk(), channel_in(place, io.StringIO())
    await channel.start(desk.take)
    await until(lambda: channel.health().connected)
    phone = await careful_phone(homeserver, read_account(place.folder).user_id)
    try:
        await phone.say("hello")
        met = await desk.next()
        assert met.text == "hello"
        await channel.send(met.address, "welcome", b"signed-message-1")
        assert await phone.hear() == "welcome"
        assert channel.health().alarms == ()
    finally:
        await channel.stop()
        await phone.sign_out()


async def test_a_lost_folder_comes_back_as_the_same_account(place, homeserver):
    first, desk, log = read_account(place.folder), Desk(), io.StringIO()
    channel = channel_in(place, log)
    await channel.start(desk.take)
    await until(lambda: channel.health().connected)
    phone = await careful_phone(homeserver, first.user_id)
    try:
        await phone.say("before")
        met = await desk.next()
        await channel.stop()
        kept = place.identity.read_bytes()
        shutil.rmtree(place.folder)
        place.folder.mkdir(mode=0o700)
        place.identity.write_bytes(kept)

        await identity.bring_back(place)
        second = read_account(place.folder)
        assert second.user_id == first.user_id
        assert second.device_id != first.device_id
        channel = channel_in(place, log)
        assert await channel.invite() == f"matrix:u/{first.user_id[1:]}?action=chat"
        await channel.start(desk.take)
        await until(lambda: channel.health().connected)
        assert channel.health().alarms == ("identity_not_kept",)
        await phone.say("after")
        again = await desk.next()
        while again.text is None:  # what was written for the lost device alone
            again = await desk.next()
        assert (again.text, again.address) == ("after", met.address)
        await channel.send(again.address, "still here", b"signed-message-2")
        assert await phone.hear() == "still here"

        shutil.rmtree(place.folder)
        place.folder.mkdir(mode=0o700)
        place.identity.write_bytes(kept)
        with pytest.raises(AccountError, match="served once"):
            await identity.bring_back(place)
    finally:
        await channel.stop()
        await phone.sign_out()


async def test_what_is_kept_holds_no_password_and_opens_no_message(place):
    kept = json.loads(XorBox().open(place.identity.read_bytes()))
    assert set(kept) == {"first", "spare", "signing"}
    assert PASSWORD not in json.dumps(kept)
    assert read_account(place.folder).access_token.encode() not in place.identity.read_bytes()


async def test_a_wrong_password_leaves_nothing(homeserver, tmp_path):
    place = identity.Place(tmp_path, tmp_path / "identity.backup", XorBox(), PICKLE_KEY)
    name = await homeserver.new_person()
    with pytest.raises(AccountError, match="name and password"):
        await identity.set_up(place, homeserver.url, name, "wrong")
    assert list(tmp_path.iterdir()) == []


async def test_signing_in_again_ends_the_sessions_before(place, homeserver):
    before = read_account(place.folder)
    await identity.set_up(place, homeserver.url, before.user_id, PASSWORD)
    asking = Asking(before.homeserver, before.access_token)
    assert (await asking.post("keys/query", {"device_keys": {}}))[0] == 401
    assert read_account(place.folder).device_id != before.device_id


async def test_other_keys_than_ours_are_never_signed(place):
    account = read_account(place.folder)
    asking = Asking(account.homeserver, account.access_token)
    own = {"ed25519": "A" * 43, "curve25519": "B" * 43}
    with pytest.raises(AccountError, match="other keys"):
        await sign_device(asking, account, SigningKeys.new(), own)
