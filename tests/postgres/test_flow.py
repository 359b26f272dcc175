"""The whole story on PostgreSQL: five real processes, each with its own role."""

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.flows import test_story, test_team
from tests.flows.colleagues import Colleague
from tests.flows.people import Counsellor
from tests.flows.stack import a_stack, http
from tests.postgres.server import psql, running
from vault import postgres_roles

pytestmark = [pytest.mark.long, pytest.mark.proof, pytest.mark.timeout(400)]

STORIES = [
    test_story.test_the_whole_story_with_code_in_the_browser,
    test_story.test_the_whole_story_with_forms_only,
    test_story.test_it_all_stands_after_a_restart,
    test_story.test_fifty_claims_at_once_have_one_winner,
    test_story.test_retries_and_double_taps_store_one_message,
]


@pytest.fixture
async def net():
    async with http() as session:
        yield session


@pytest.fixture
async def stack():
    """A new installation whose database is in PostgreSQL, with files that survive."""
    folder = Path(tempfile.mkdtemp(prefix="hlpg"))
    try:
        with running(folder, more="") as server:
            psql(server.superuser, postgres_roles.script("havenline", "havenline"))
            url = server.url("havenline")
            async with a_stack(more=f'[data]\ndatabase_url = "{url}"\n') as stack:
                yield stack
    finally:
        shutil.rmtree(folder)


@pytest.fixture
async def ana(stack, net):
    counsellor = Counsellor(stack, net)
    await counsellor.set_up()
    await counsellor.sign_in()
    return counsellor


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
async def test_on_postgres(story, stack, net, ana):
    await story(stack, net, ana)


async def test_on_postgres_with_a_team(stack, net):
    first = Colleague(stack, net)
    await first.set_up()
    await first.sign_in()
    await test_team.test_a_second_counsellor_a_removal_and_new_keys(stack, net, first)


async def test_on_postgres_over_a_messenger(stack, ana):
    await test_story.test_the_whole_story_over_a_messenger(stack, ana)
    assert not list((stack.data / "database").iterdir())
