"""Makes or upgrades the database before anything else opens it, in a process of its own.

`python -m intake_server.prepare URL [PAIRING | --upgrade]` prints one line of JSON, a `Prepared`.
With PAIRING, 32 hexadecimal digits, the database is bound to that slot file. Only with --upgrade
tables in PostgreSQL that an older version made are changed; of SQLite `see_to_database` looks
before. What is wrong is said in one sentence on standard error, with exit code 1.

It is not done inside the supervisor, which lives as long as the hotline and should stay small.
"""

import asyncio
import contextlib
import sys

import msgspec

from intake_server import work
from intake_server.database_state import Prepared
from vault.backend import DatabaseFailed
from vault.engine import Database
from vault.meta import WrongPairing
from vault.schema import migrate


async def prepare(url: str, pairing: bytes | None, *, upgrade: bool = False) -> Prepared:
    """Make or upgrade the database and tell whose it is. Raises DatabaseFailed, WrongPairing."""
    migrated = await asyncio.to_thread(migrate, url, upgrade=upgrade)
    database = await Database.open(url, "caretaker", readers=1)
    try:
        if pairing is not None:
            await work.pair(database, pairing)
        found = (await work.standing(database)).pairing
    finally:
        await database.close()
    return Prepared(migrated.before, migrated.after, None if found is None else found.hex())


def main(arguments: list[str]) -> None:
    """See the module's docstring."""
    url, *rest = arguments
    upgrade = rest == ["--upgrade"]
    pairing = bytes.fromhex(rest[0]) if rest and not upgrade else None
    try:
        prepared = asyncio.run(prepare(url, pairing, upgrade=upgrade))
    except (DatabaseFailed, WrongPairing) as error:
        sys.exit(str(error))
    with contextlib.suppress(BrokenPipeError):  # whoever asked has gone
        sys.stdout.buffer.write(msgspec.json.encode(prepared) + b"\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
