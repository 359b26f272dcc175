"""The desk's request about the messengers: how each is, as the courier tells it at that moment."""

from pathlib import Path
from typing import Final

import msgspec

from intake_server.channel_health import FOR_STAFF, read_shown
from intake_server.desk.api import Answer, read
from intake_server.desk.bodies import Nothing
from intake_server.desk.members import Member

_PATIENCE: Final = 5.0


class ChannelsApi:
    """One method: nothing here names or concerns a client."""

    def __init__(self, run_dir: Path, *, is_any_on: bool) -> None:
        """`is_any_on`: whether the settings switch a messenger on; else nobody is asked."""
        self._socket = run_dir / FOR_STAFF
        self._is_any_on = is_any_on

    async def shown(self, _member: Member, raw: bytes) -> Answer:
        """How each messenger is; `known` is false while the courier does not answer."""
        read(raw, Nothing)
        if not self._is_any_on:
            return {"known": True, "channels": []}
        try:
            channels = await read_shown(self._socket, _PATIENCE)
        except (OSError, ValueError):
            return {"known": False, "channels": []}
        return {"known": True, "channels": msgspec.to_builtins(channels)}
