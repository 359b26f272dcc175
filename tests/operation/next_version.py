"""The next version of Havenline, made of this one: the same sources and one more migration."""

import shutil
from pathlib import Path

from vault import tables

ROOT = Path(__file__).parents[2]
NEXT = f"{int(tables.SCHEMA) + 1:04d}"

MIGRATION = '''"""One more table, made slowly."""

import os
import pathlib
import time

from alembic import op

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None


def upgrade():
    op.execute("CREATE TABLE next_version (id INTEGER PRIMARY KEY)")
    op.execute("UPDATE meta SET commit_counter = commit_counter + 1000")
    pathlib.Path(os.environ["IN_THE_MIDDLE"]).touch()
    time.sleep({seconds})


def downgrade():
    op.execute("DROP TABLE next_version")
'''


def make(place: Path, *, seconds: float) -> Path:
    """Sources to put first on the path; its migration rests in the middle."""
    for package in ("intake_server", "vault", "triage", "bots"):
        shutil.copytree(
            ROOT / package, place / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    (place / f"vault/migrations/versions/{NEXT}_next.py").write_text(
        MIGRATION.format(revision=NEXT, before=tables.SCHEMA, seconds=seconds)
    )
    changed = 0
    for file in (place / "vault").glob("*.py"):
        text = file.read_text()
        if f'SCHEMA: Final = "{tables.SCHEMA}"' in text:
            file.write_text(text.replace(f'"{tables.SCHEMA}"', f'"{NEXT}"', 1))
            changed += 1
    assert changed == 1, "where the schema's number stands"
    return place
