"""The counts of all rounds, printed at the end of the session."""

import pytest

from tests.crash.verdict import Verdict

_VERDICTS = pytest.StashKey[dict[str, Verdict]]()


@pytest.fixture
def verdicts(request: pytest.FixtureRequest) -> dict[str, Verdict]:
    """What was counted so far, by model."""
    return request.config.stash.setdefault(_VERDICTS, {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for model, verdict in config.stash.get(_VERDICTS, {}).items():
        terminalreporter.section(f"killed and restarted: {model}")
        terminalreporter.write_line(verdict.table())
