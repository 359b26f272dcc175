"""The year of tests/proof/test_year.py on PostgreSQL, with every segment of its log in the loot.

PostgreSQL cannot erase: the log is archived from the first day on and never thinned out, so the
adversary holds every row that was ever written, and reads out what stands in the tables as well.
What of it opens is what is alive, all the same.
"""

import pytest

from tests.flows.stack import http
from tests.postgres.vandal import PostgresVandal, a_stack_on, archiving
from tests.proof.test_year import the_year

pytestmark = [pytest.mark.proof, pytest.mark.long, pytest.mark.timeout(3500)]


async def test_a_year_on_postgres_leaves_nothing_but_what_lives(tmp_path):
    with archiving() as server:
        async with a_stack_on(server) as stack, http() as net:
            vandal = PostgresVandal(stack, tmp_path, server)
            await the_year(stack, net, vandal)
            missing, read = vandal.never_in_the_log()
            assert not missing, "the log was not read as it should be"
            assert read > 0
            print(f"{read} rows, each of them in the log too")  # noqa: T201 -- for docs/proofs.md
