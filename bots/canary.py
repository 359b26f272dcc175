"""A second account that writes to the hotline like anybody else, so that silence is noticed.

A channel can look connected while nothing arrives: a full mailbox, a server that forgot us, a
number that was blocked. Only a message that comes the whole way tells.
"""

from typing import Protocol


class Voice(Protocol):
    """Somebody outside with an account of their own on one network."""

    async def say(self, text: str) -> None:
        """Send `text` to the hotline's account, encrypted as everybody's.

        Raises `ChannelUnavailable`, or `ChannelCannotStart` for what only a person can mend.
        """
        ...

    async def close(self) -> None:
        """End it; repeating it does nothing."""
        ...
