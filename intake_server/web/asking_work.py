"""What web does where a page asks to go on with a chat's conversation: it hands a sealed box on.

Code and keys in it are sealed to the keeper; web learns whether the code held and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

from intake_server.web.work import MalformedRequest, Unavailable
from vault.keeper_client import KeeperDown
from vault.keeper_pages import AskingKeeper
from vault.keeper_protocol import BadRequest, KeeperRefusal, Refused


@dataclass(frozen=True, slots=True)
class AskingWork:
    """The one step."""

    keeper: AskingKeeper

    async def propose(self, request: bytes) -> None:
        """Ask; raises Refused for a code that does not hold, MalformedRequest, Unavailable."""
        try:
            await self.keeper.propose(request)
        except Refused:
            raise
        except BadRequest:
            raise MalformedRequest from None
        except (KeeperRefusal, KeeperDown) as failure:
            raise Unavailable from failure
