"""Cross-signing: the account's own keys sign its device, so that apps know it for the account's.

Without this, apps show a warning shield at every message of the hotline, and apps that are set to
write to signed devices only cannot reach it at all. matrix-nio has none of it; this is what a
hotline needs (Matrix client-server API v1.11, section 11.14.4): three signing keys, published once
with the password, and one signature under the device's keys.

A signing key is held as a vodozemac account, of which only the Ed25519 key is used.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import vodozemac

from bots.matrix.account import Account, AccountError, Asking

_USES: Final = ("master", "self_signing", "user_signing")
_DONE: Final = 200
_MORE_WANTED: Final = 401
_SIGNED: Final = "signatures"
_UNSIGNED: Final = "unsigned"


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The three keys: of the account itself, for its own devices, for other people's accounts."""

    master: vodozemac.Account = field(repr=False)
    self_signing: vodozemac.Account = field(repr=False)
    user_signing: vodozemac.Account = field(repr=False)

    @classmethod
    def new(cls) -> "SigningKeys":
        """Make three keys."""
        return cls(vodozemac.Account(), vodozemac.Account(), vodozemac.Account())

    @classmethod
    def opened(cls, pickles: list[str], key: bytes) -> "SigningKeys":
        """Return what `pickled` gave; raises vodozemac's `PickleException`."""
        master, self_signing, user_signing = (
            vodozemac.Account.from_pickle(one, key) for one in pickles
        )
        return cls(master, self_signing, user_signing)

    def pickled(self, key: bytes) -> list[str]:
        """Return the keys, sealed under `key` (32 bytes)."""
        return [one.pickle(key) for one in (self.master, self.self_signing, self.user_signing)]


async def publish(asking: Asking, account: Account, keys: SigningKeys, password: str) -> None:
    """Make `keys` those of the account, in place of earlier ones. Raises `AccountError`."""
    wanted = _public(account.user_id, keys)
    path = "keys/device_signing/upload"
    status, said = await asking.post(path, wanted)
    if status == _MORE_WANTED and isinstance(said, dict):
        proof = {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": account.user_id},
            "password": password,
            "session": said.get("session"),
        }
        status, _ = await asking.post(path, wanted | {"auth": proof})
    if status != _DONE:
        raise AccountError(
            f"the homeserver does not take the account's signing keys (status {status}). It must "
            "allow that with a password; ask whoever runs it."
        )


async def sign_device(
    asking: Asking, account: Account, keys: SigningKeys, own: Mapping[str, str]
) -> None:
    """Sign the device's keys as the account's. Raises `AccountError`.

    `own` are the device's keys as we know them ("ed25519", "curve25519"): what the homeserver
    tells is signed only where it is the same.
    """
    user, device = account.user_id, account.device_id
    _, said = await asking.post("keys/query", {"device_keys": {user: [device]}})
    told = _in(said, "device_keys", user, device)
    known = {f"{kind}:{device}": key for kind, key in own.items()}
    if told is None or told.get("keys") != known or told.get("user_id") != user:
        raise AccountError(
            "the homeserver tells other keys of our device than it was given. Do not use it."
        )
    signed = _signed(told, user, keys.self_signing)
    status, said = await asking.post("keys/signatures/upload", {user: {device: signed}})
    if status != _DONE or _in(said, "failures"):
        raise AccountError(f"the homeserver does not take the device's signature ({status}).")


async def has_keys(asking: Asking, account: Account) -> bool:
    """Say whether the account's device has published keys already. Raises `AccountError`."""
    asked = {"device_keys": {account.user_id: [account.device_id]}}
    _, said = await asking.post("keys/query", asked)
    return _in(said, "device_keys", account.user_id, account.device_id) is not None


def _public(user: str, keys: SigningKeys) -> dict[str, Any]:
    """The public halves, the two lesser ones signed by the master key."""
    halves = dict(zip(_USES, (keys.master, keys.self_signing, keys.user_signing), strict=True))
    wanted: dict[str, Any] = {}
    for use, key in halves.items():
        public = key.ed25519_key.to_base64()
        plain = {"user_id": user, "usage": [use], "keys": {f"ed25519:{public}": public}}
        wanted[f"{use}_key"] = plain if use == "master" else _signed(plain, user, keys.master)
    return wanted


def _signed(content: Mapping[str, Any], user: str, key: vodozemac.Account) -> dict[str, Any]:
    """Return `content` with this key's signature alone (API v1.11, appendix "Signing JSON")."""
    bare = {name: value for name, value in content.items() if name not in {_SIGNED, _UNSIGNED}}
    canonical = json.dumps(bare, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    public = key.ed25519_key.to_base64()
    signature = key.sign(canonical.encode()).to_base64()
    return bare | {_SIGNED: {user: {f"ed25519:{public}": signature}}}


def _in(said: object, *names: str) -> Any:  # noqa: ANN401 - whatever the homeserver says
    for name in names:
        said = said.get(name) if isinstance(said, dict) else None
    return said
