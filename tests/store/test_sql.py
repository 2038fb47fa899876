import re
import sqlite3

import pytest

from antiphon.store.sql import migrations, statements

ALLOWED = {"SCAN CONSTANT ROW", "SCAN doomed", "SCAN response USING INDEX response_running"}
"""`doomed` holds a handful of rows, and that index only the responses that run."""


@pytest.mark.parametrize("name", ["threads", "responses", "conversations", "queue", "retention"])
def test_every_statement_fits_the_tables_and_scans_none(name: str) -> None:
    connection = sqlite3.connect(":memory:")
    for script in migrations():
        connection.executescript(script)
    for title, statement in statements(name).items():
        numbered = [int(number) for number in re.findall(r"\?(\d)", statement)]
        count = max(numbered) if numbered else statement.count("?")
        plan = connection.execute("EXPLAIN QUERY PLAN " + statement, (1,) * count).fetchall()
        scans = {step[3] for step in plan if step[3].startswith("SCAN")}
        assert scans <= ALLOWED, title
        assert not any("TEMP B-TREE" in step[3] for step in plan), title
