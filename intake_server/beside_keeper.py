"""Under systemd, before the others start: the right database, and of this version.

`python -m intake_server.beside_keeper --data DIR [--config FILE]` waits for the keeper, and makes
the database where nobody was ever set up and there is none. Why not, is said in one sentence on
standard error. Under `havenline up` the supervisor asks the same of `database_state`.
"""

import argparse
import asyncio
import sys
from pathlib import Path

from intake_server.database_state import NotPrepared, see_to_database
from intake_server.settings import Settings, SettingsError, load_settings
from vault.keeper_answers import Hello
from vault.keeper_client import CaretakerKeeper, KeeperDown, KeeperLink
from vault.keeper_protocol import KeeperRefusal, Peer, socket_name

CANNOT_START = 2
_KEEPER_PATIENCE = 60.0
_PAUSE = 0.1


async def prepare_beside(settings: Settings) -> None:
    """See to the database, asking the keeper as the caretaker does. Raises `NotPrepared`."""
    link = KeeperLink(settings.data.run_dir / socket_name(Peer.CARETAKER))
    try:
        keeper = CaretakerKeeper(link)
        hello = await _answer(keeper)
        living, _ = await keeper.all_live(limit=1)
        is_fresh = hello.root is None and not living
        await see_to_database(settings.data, hello.pairing_id, is_fresh=is_fresh)
    except (KeeperDown, KeeperRefusal):
        raise NotPrepared("The keeper does not answer. Its log says why.") from None
    finally:
        await link.close()


async def _answer(keeper: CaretakerKeeper) -> Hello:
    """The keeper's first answer; it may be starting. Raises KeeperDown."""
    attempts = int(_KEEPER_PATIENCE / _PAUSE)
    for _ in range(attempts):
        try:
            return await keeper.hello()
        except KeeperDown:
            await asyncio.sleep(_PAUSE)
    return await keeper.hello()


def main() -> int:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--data", type=Path, required=True, help="the folder of all data")
    parser.add_argument("--config", type=Path, help="the settings, where not in that folder")
    options = parser.parse_args()
    try:
        settings = load_settings(config=options.config, folder=options.data)
        asyncio.run(prepare_beside(settings))
    except (SettingsError, NotPrepared) as why:
        sys.stderr.write(f"nothing starts: {why}\n")
        return CANNOT_START
    return 0


if __name__ == "__main__":
    sys.exit(main())
