"""What another process has in its memory: found by whoever may look, which root may."""

import re
from pathlib import Path

_RANGE = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) r")
_PIECE = 1 << 24


def occurrences(pid: int, wanted: list[bytes]) -> dict[bytes, int]:
    """How often each of `wanted` stands in the readable memory of a process (proc(5), mem)."""
    found = dict.fromkeys(wanted, 0)
    longest = max(map(len, wanted))
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            part = _RANGE.match(line)
            if part is None or line.endswith(("[vvar]", "[vsyscall]")):
                continue
            start, end = (int(each, 16) for each in part.groups())
            _count(memory, start, end, found, longest)
    return found


def _count(memory, start: int, end: int, found: dict[bytes, int], longest: int) -> None:
    before = b""
    while start < end:
        memory.seek(start)
        try:
            piece = memory.read(min(_PIECE, end - start))
        except OSError:  # given back to the system meanwhile
            return
        if not piece:
            return
        data = before + piece
        for each in found:
            # What lies wholly in the end of the piece before was counted with it.
            found[each] += data.count(each) - before.count(each)
        before = data[-(longest - 1) :]
        start += len(piece)
