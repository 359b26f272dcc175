"""The section `[attachments]` of the settings: whether, over which channels, and how much."""

from __future__ import annotations

from typing import Final, Literal, get_args

import msgspec

ChannelName = Literal["web", "signal", "matrix", "deltachat", "loopback"]

_LEAST: Final = 10
_MOST: Final = 1_000_000


class AttachmentSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Pictures, recordings and documents. `channels` are those over which they are taken and sent.

    The sizes are megabytes as they lie sealed in the database, which is up to twice their own.
    """

    enabled: bool = True
    channels: tuple[ChannelName, ...] = get_args(ChannelName)
    conversation_megabytes: int = 100
    total_megabytes: int = 4_000

    def __post_init__(self) -> None:
        """Check the sizes."""
        for size in (self.conversation_megabytes, self.total_megabytes):
            if not _LEAST <= size <= _MOST:
                raise ValueError(
                    "conversation_megabytes and total_megabytes must lie between 10 and 1000000"
                )
        if self.conversation_megabytes > self.total_megabytes:
            raise ValueError("conversation_megabytes must not be more than total_megabytes")

    @property
    def carried(self) -> tuple[str, ...]:
        """The channels over which attachments go."""
        return self.channels if self.enabled else ()

    def allows(self, channel: str) -> bool:
        """Whether attachments go over this channel."""
        return channel in self.carried
