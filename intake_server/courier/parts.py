"""What a messenger message becomes: texts that fit an envelope, in the order of writing.

Messengers allow longer texts than an envelope holds. Nothing is cut: what is too long becomes
several messages, parted at the end of a line or between words where there is one.
"""

import re
from typing import Final

from bots.channel import Attachment, Incoming
from triage.text import LONGEST_BYTES, LONGEST_CHARACTERS, clean, is_empty

MARKS: Final = {
    Attachment.VOICE: "[voice]",
    Attachment.PICTURE: "[picture]",
    Attachment.FILE: "[file]",
}
"""Stands in the conversation for what stayed with the messenger; the desk puts it into words."""

UNREADABLE: Final = "[unreadable]"
"""Stands for a message that was encrypted for us and could not be opened: the person must know."""

NEW_KEYS: Final = "[new keys]"
"""Stands beside the first message under other keys than before: it may be another person."""

TOO_MANY: Final = "[too many]"
"""Stands behind what came and was left out, with what followed it."""

MOST_NAMED: Final = 20
"""So many attachments of one message are looked at and named; the rest is `TOO_MANY`."""

_BREAKS: Final = ("\n", " ")
_LIKE_A_SIGN: Final = re.compile(r"(\[[^\[\]]*\]\s*)+")
_ROUND: Final = str.maketrans("[]", "()")


def readable(incoming: Incoming) -> str:
    """Return what there is to read and to screen; empty where there is only an attachment."""
    text = clean(incoming.text or "").text
    return "" if is_empty(text) else text


def texts_of(incoming: Incoming) -> list[str]:
    """Return the texts to store; none where the message says nothing at all.

    The readable text comes first, in parts that fit; then what stands for the rest. What stands in
    square brackets alone is the courier's own word: `typed` never is.
    """
    marks = marks_of(incoming)
    if incoming.text is None and not marks:
        marks = [UNREADABLE]
    if incoming.identity_changed:
        marks = [NEW_KEYS, *marks]
    texts = typed(incoming)
    return [*texts, " ".join(marks)] if marks else texts


def marks_of(incoming: Incoming) -> list[str]:
    """Return what stands for attachments that are not kept, never longer than fits."""
    marks = [MARKS[kind] for kind in incoming.attachments[:MOST_NAMED]]
    is_more = len(incoming.attachments) > MOST_NAMED
    return [*marks, MARKS[Attachment.FILE], TOO_MANY] if is_more else marks


def words_of(incoming: Incoming) -> list[str]:
    """Return the texts to store of a message whose attachments are kept: `texts_of` without them.

    None where nothing but attachments came.
    """
    texts = typed(incoming)
    return [*texts, NEW_KEYS] if incoming.identity_changed else texts


def typed(incoming: Incoming) -> list[str]:
    """Return what was written, in parts that fit, none of which reads as the courier's own sign.

    Who writes `[left signal]` has written that and not left: the page and the desk put signs into
    words that people believe. So such a part keeps its words and its length in round brackets.
    """
    parts = split(readable(incoming))
    return [one.translate(_ROUND) if _LIKE_A_SIGN.fullmatch(one.strip()) else one for one in parts]


def split(text: str) -> list[str]:
    """Return `text` in parts that fit; joined they are the text again."""
    parts: list[str] = []
    while text:
        end = _fitting(text)
        if end < len(text):
            end = _break_before(text, end)
        parts.append(text[:end])
        text = text[end:]
    return parts


def _fitting(text: str) -> int:
    """Return how many characters from the start fit into one envelope."""
    end = min(len(text), LONGEST_CHARACTERS)
    if len(text[:end].encode()) > LONGEST_BYTES:
        # A cut through a character drops it: what is left fits.
        end = len(text[:end].encode()[:LONGEST_BYTES].decode(errors="ignore"))
    return end


def _break_before(text: str, end: int) -> int:
    """Return a friendlier place to part at, in the second half of what fits."""
    for sign in _BREAKS:
        at = text.rfind(sign, end // 2, end)
        if at >= 0:
            return at + 1
    return end
