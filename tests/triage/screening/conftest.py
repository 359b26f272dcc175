from pathlib import Path

import pytest

from triage.screening.rule_files import load_rules
from triage.screening.taxonomy import read_taxonomy

SCREENING = Path(__file__).parents[3] / "triage" / "screening"


@pytest.fixture(scope="session")
def taxonomy():
    return read_taxonomy((SCREENING / "taxonomy.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def english():
    return (SCREENING / "rules" / "en.toml").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def rules(taxonomy, english):
    return load_rules(taxonomy, {"en.toml": english})
