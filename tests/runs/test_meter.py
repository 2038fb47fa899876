"""The meter: what the model told is told on, what it did not is estimated and marked."""

import pytest

from antiphon.core.items import InputText, Item, Message, OutputText
from antiphon.core.request import Request
from antiphon.core.response import InputTokensDetails, OutputTokensDetails, Response, Status, Usage, respond
from antiphon.runs.meter import Meter

PROMPT: list[Item] = [Message(role="user", content=[InputText("w" * 40)])]
USAGE = Usage(12, InputTokensDetails(4), 7, OutputTokensDetails(2), 19)


def response(said: str = "", status: Status = "completed") -> Response:
    made = respond(Request(model="m"), id="resp_1", created_at=1)
    made.status = status
    made.output = [Message(role="assistant", content=[OutputText(said)])] if said else []
    return made


def tokens(meter: Meter, at: Response, usage: Usage | None) -> tuple[int, int, bool]:
    told = meter.settlement(at, usage, PROMPT)
    assert (told.response_id, told.status) == (at.id, at.status)
    return told.input_tokens, told.output_tokens, told.estimated


def test_what_the_model_told() -> None:
    meter = Meter()
    meter.asks()
    meter.spoke()
    told = meter.settlement(response("w" * 400), USAGE, PROMPT)
    assert (told.input_tokens, told.cached_tokens, told.output_tokens, told.reasoning_tokens) == (12, 4, 7, 2)
    assert not told.estimated
    assert told.first_token is not None
    assert 0 <= told.first_token <= told.seconds


def test_what_the_model_told_as_an_estimate_is_one() -> None:
    meter = Meter()
    meter.asks()
    assert tokens(meter, response(), Usage(12, output_tokens=7, total_tokens=19, estimated=True)) == (12, 7, True)


@pytest.mark.parametrize("status", ["completed", "incomplete", "failed", "cancelled"])
def test_what_the_model_did_not_tell_is_estimated(status: Status) -> None:
    meter = Meter()
    meter.asks()
    assert tokens(meter, response("w" * 20, status), None) == (10, 5, True)
    assert meter.settlement(response(), None, PROMPT).first_token is None


def test_who_was_not_asked_or_took_nothing_costs_nothing() -> None:
    meter = Meter()
    assert tokens(meter, response(status="cancelled"), None) == (0, 0, False)
    meter.asks()
    meter.refused()
    assert tokens(meter, response(status="failed"), None) == (0, 0, False)


def test_what_was_lost_was_paid_for() -> None:
    meter = Meter()
    meter.takes_up(response("w" * 20, "in_progress"))
    assert tokens(meter, response("w" * 20, "failed"), None) == (10, 5, True)  # it ends where it broke off
    meter.asks()
    assert tokens(meter, response("w" * 28), USAGE) == (22, 12, True)
    assert tokens(meter, response("w" * 28), None) == (20, 7, True)


def test_what_had_only_waited_has_lost_nothing() -> None:
    meter = Meter()
    meter.takes_up(response(status="queued"))
    meter.asks()
    assert tokens(meter, response("w"), USAGE) == (12, 7, False)
