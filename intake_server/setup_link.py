"""The link that makes the first person, and the addresses that people open."""

import base64
from dataclasses import dataclass, field

from intake_server.clock import Clock
from intake_server.settings import Settings
from vault.keeper_client import OperatorKeeper


@dataclass(frozen=True)
class SetupLink:
    """Opens the set-up once, for `minutes` from now. Never logged."""

    url: str = field(repr=False)
    minutes: int


def address(public_url: str | None, host: str, port: int) -> str:
    """Return the address that people open, ending in a slash."""
    if public_url is not None:
        return public_url.rstrip("/") + "/"
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, nothing is bound
    shown = everywhere.get(host, host)
    return f"http://[{shown}]:{port}/" if ":" in shown else f"http://{shown}:{port}/"


async def new_setup_link(keeper: OperatorKeeper, settings: Settings, clock: Clock) -> SetupLink:
    """Make a new link; the one before works no longer.

    The token stands in the fragment, which a browser sends to no server. Raises Refused where
    somebody is set up already, and KeeperDown.
    """
    token = await keeper.set_up_token()
    text = base64.urlsafe_b64encode(token.token.reveal()).rstrip(b"=").decode()
    desk = settings.desk
    url = f"{address(desk.public_url, desk.host, desk.port)}#setup={text}"
    return SetupLink(url, max(0, token.ends - clock.unix()) // 60)
