"""The one refusal (protocol §6)."""

import pytest

from antiphon.core.problems import Problem


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "invalid_request_error"),
        (405, "invalid_request_error"),
        (409, "idempotency_error"),
        (413, "invalid_request_error"),
        (415, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "server_error"),
        (503, "server_error"),
        (504, "server_error"),
    ],
)
def test_the_type_follows_from_the_status(status: int, kind: str) -> None:
    assert Problem(status, None, "No.").type == kind


def test_a_fault_of_a_server_is_one_whatever_its_status() -> None:
    assert Problem(409, "server_error", "No.").type == "server_error"
    assert Problem(409, "idempotency_in_progress", "No.").type == "idempotency_error"


def test_it_says_what_is_wrong_and_where() -> None:
    problem = Problem(400, "invalid_value", "No such role.", param="input[0].role")
    assert repr(problem) == "Problem(400, 'invalid_value', 'No such role.', param='input[0].role')"
    assert str(problem) == "No such role."
    assert (problem.retry, problem.retry_after) == (None, None)
