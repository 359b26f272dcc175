"""docs/openapi says what the routes say."""

import inspect
import json
import re

import pytest

from intake_server.desk.routes import Routes
from intake_server.web import api
from tests.openapi.make import FOLDER, documents

MADE = documents()


@pytest.mark.parametrize("name", MADE)
def test_what_is_published_is_what_the_routes_say(name):
    published = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    assert published == MADE[name], "run: python -m tests.openapi.make"


def test_every_step_of_the_page_is_there():
    assert set(MADE["web"]["paths"]) == set(api.STEPS)


def test_every_route_of_the_desk_is_there():
    """Counted in the source: each is written `Route("…"` once; two of them are no request."""
    written = re.findall(r'\bRoute\(\s*"([\w/]+)"', inspect.getsource(Routes))
    requests = set(written) - {"page", "static"}
    assert {f"/api/{name}" for name in requests} == set(MADE["desk"]["paths"])
    assert len(written) == len(set(written)) > 40


def test_nothing_is_said_of_what_somebody_writes():
    for one in MADE.values():
        for path in one["paths"].values():
            assert path["post"]["summary"]
            assert {"200", "400", "503"} <= set(path["post"]["responses"])
