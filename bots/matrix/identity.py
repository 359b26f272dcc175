"""Setting the account up, and bringing it back when its folder is lost.

Theory of operation
-------------------
1.  A device's keys change with every message and cannot be restored from a copy that is older.
    So nothing of the device itself is kept, and no message can be opened from what is kept.
2.  Instead, setting up signs in a second time, as a spare device that never publishes keys: nobody
    sees it or encrypts for it. Kept are its access token, that of the first device, and the three
    signing keys, sealed under a key from the courier's seed.
3.  Bringing back makes new keys, publishes them as the spare device's, and signs them with the
    kept keys: apps take it for the same account. The first device is signed out. The invite stays
    right. People's apps give the new device their next messages by themselves.
4.  A spare device serves once. Afterwards somebody signs in anew, which makes the next one.
"""

import asyncio
import contextlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from bots.box import Box
from bots.channel import ChannelUnavailable
from bots.matrix.account import (
    FILE_NAME,
    Account,
    AccountError,
    Asking,
    new_device,
    sign_out,
    write_account,
    write_private,
)
from bots.matrix.client import STORE_NAME, Client, Denied
from bots.matrix.cross_signing import SigningKeys, has_keys, publish, sign_device

_ANEW: Final = "Sign in anew: havenline channels add matrix --again"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the account lies and what seals it. `identity` is the file of rule 2."""

    folder: Path
    identity: Path
    box: Box = field(repr=False)
    pickle_key: bytes = field(repr=False)
    proxy: str = ""


@dataclass(frozen=True, slots=True)
class _Kept:
    first: Account
    spare: Account
    signing: list[str] = field(repr=False)


async def set_up(place: Place, homeserver: str, user: str, password: str) -> Account:
    """Sign in, sign the device, keep the identity. Raises `AccountError`.

    What was there of an earlier sign-in is replaced, and its devices are signed out.
    """
    before = _read(place) if place.identity.is_file() else None
    made = [
        await new_device(homeserver, user, password, proxy=place.proxy),
        await new_device(homeserver, user, password, proxy=place.proxy),
    ]
    first, spare = made
    keys = SigningKeys.new()
    try:
        asking = Asking(first.homeserver, first.access_token, place.proxy)
        await publish(asking, first, keys, password)
        await _begin(place, first, keys)
    except AccountError:
        await _sign_out(place, *made)
        raise
    _write(place, _Kept(first, spare, keys.pickled(place.pickle_key)))
    if before is not None:
        await _sign_out(place, before.first, before.spare)
    return first


def is_spent(place: Place, account: Account) -> bool:
    """Say whether this account is the spare device at work: nothing is kept for a next time."""
    if not place.identity.is_file():
        return True
    return _read(place).spare.device_id == account.device_id


async def bring_back(place: Place) -> None:
    """Make the account work again after its folder was lost (rule 3). Raises `AccountError`."""
    kept = _read(place)
    spare = kept.spare
    asking = Asking(spare.homeserver, spare.access_token, place.proxy)
    if await has_keys(asking, spare):
        raise AccountError(f"{place.identity} has served once already. {_ANEW}")
    keys = SigningKeys.opened(kept.signing, place.pickle_key)
    await _begin(place, spare, keys)
    await _sign_out(place, kept.first)


async def _begin(place: Place, account: Account, keys: SigningKeys) -> None:
    """Publish new keys for a device, signed; only then the account is written down."""
    place.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in place.folder.glob(f"{STORE_NAME}*"):
        old.unlink()
    client = Client(account, place.folder, place.pickle_key, place.proxy or None)
    try:
        client.open()
        await client.keep_keys()
        own = dict(client.nio.olm.account.identity_keys)
    except (ChannelUnavailable, Denied):
        raise AccountError(f"the homeserver does not take the device's keys. {_ANEW}") from None
    finally:
        await client.close()
    asking = Asking(account.homeserver, account.access_token, place.proxy)
    await sign_device(asking, account, keys, own)
    await asyncio.to_thread(write_account, place.folder, account)


async def _sign_out(place: Place, *accounts: Account) -> None:
    for account in accounts:
        with contextlib.suppress(AccountError):  # then its session ends some other day
            await sign_out(account, proxy=place.proxy)


def _write(place: Place, kept: _Kept) -> None:
    write_private(place.identity, place.box.seal(json.dumps(asdict(kept)).encode()))


def _read(place: Place) -> _Kept:
    try:
        values = json.loads(place.box.open(place.identity.read_bytes()))
        return _Kept(Account(**values["first"]), Account(**values["spare"]), values["signing"])
    except Exception:  # noqa: BLE001 - damaged, or sealed under another courier's seed
        raise AccountError(
            f"{place.identity} does not open. Restore it together with courier/seed from the same "
            f"backup. {_ANEW}"
        ) from None


def has_account(folder: Path) -> bool:
    """Say whether somebody is signed in here."""
    return (folder / FILE_NAME).is_file()
