"""Works on prepared files until it is done: `recorded.py FOLDER`; says what in a file there.

Run under tests/proof/recorder.c.
"""

import asyncio
import os
import sys
from pathlib import Path

from tests.proof.at_work import work
from tests.proof.unsynced import TOLD

ROUNDS = 12

folder = Path(sys.argv[1])
telling = os.open(folder / TOLD, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
asyncio.run(
    work(folder, "w", [], lambda line: os.write(telling, f"{line}\n".encode()) and None, ROUNDS)
)
