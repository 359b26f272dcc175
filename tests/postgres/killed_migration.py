"""Begins an upgrade and is killed in the middle: `killed_migration.py URL SCRIPTS REVISION`."""

import sys
from pathlib import Path

from vault import schema, tables

if __name__ == "__main__":
    url, scripts, revision = sys.argv[1:]
    schema._SCRIPTS = Path(scripts)
    tables.SCHEMA = revision
    schema.migrate(url)
