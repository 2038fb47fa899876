"""Requests that schemathesis makes of Infercom's document, right and wrong: every answer is a documented one."""

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from schemathesis import GenerationMode

from antiphon.contract.contract import load
from tests.asking import Answer, ask
from tests.compliance import infercom
from tests.served import Server

PATH = f"{load('infercom').base}/responses"
POSITIVE, NEGATIVE = GenerationMode.POSITIVE, GenerationMode.NEGATIVE


def answer_to(server: Server, case: Any) -> Answer:
    body = case.body if isinstance(case.body, bytes) else json.dumps(case.body).encode()
    headers = {"Content-Type": case.media_type} | dict(case.headers)
    return ask(server, "POST", PATH, body, headers)


def judge(server: Server, mode: GenerationMode, count: int, most: int | None = None) -> Counter[int]:
    """Ask so many times; how often each status came. A failing case is told as found: shrinking takes long."""
    found = Counter[int]()

    @given(infercom.requests(mode, server.model, most))
    @settings(max_examples=count, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    def run(case: Any) -> None:
        answer = answer_to(server, case)
        found[answer.status] += 1
        note(f"asked: {case.body!r}")
        infercom.check_answer(answer, streamed=isinstance(case.body, dict) and case.body.get("stream") is True)

    run()
    assert found.total() >= count
    if mode is POSITIVE:
        assert found[200] * 3 >= found.total(), found
    return found


@pytest.mark.parametrize("mode", [POSITIVE, NEGATIVE])
def test_every_answer_is_a_documented_one(server: Server, mode: GenerationMode) -> None:
    assert len(judge(server, mode, 100)) > 1


@pytest.mark.soak
@pytest.mark.parametrize("mode", [POSITIVE, NEGATIVE])
def test_every_answer_of_thousands(server: Server, mode: GenerationMode) -> None:
    assert len(judge(server, mode, 5000)) > 1


def test_the_small_model_too(small_server: Server) -> None:
    judge(small_server, POSITIVE, 20, most=6)
    judge(small_server, NEGATIVE, 10, most=6)


def test_a_null_is_read_as_it_is_meant() -> None:
    for value in ({"instructions": None}, {"instructions": "a"}, {"reasoning": {"effort": None}}, {"reasoning": None}):
        infercom.check(RESPONSE | value, "ResponseResponse")
    for value in ({"instructions": 1}, {"text": None}, {"reasoning": {"effort": "max"}}):
        with pytest.raises(AssertionError, match="not a ResponseResponse"):
            infercom.check(RESPONSE | value, "ResponseResponse")


RESPONSE: dict[str, Any] = infercom.document()["components"]["schemas"]["ResponseResponse"]["example"]


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (500, "application/json", {"error": {"message": "m"}}),
        (403, "application/json", {"error": {"message": "m"}}),
        (400, "application/json", {"detail": "m"}),
        (400, "text/plain", {"error": {"message": "m"}}),
        (200, "text/event-stream", RESPONSE),
        (200, "application/json", RESPONSE | {"status": "queued"}),
    ],
)
def test_an_answer_with_a_fault_is_refused(status: int, kind: str, body: Any) -> None:
    right = Answer(200, {"content-type": "application/json", "inference-id": "1"}, json.dumps(RESPONSE).encode())
    infercom.check_answer(right, streamed=False)
    wrong = Answer(status, right.headers | {"content-type": kind}, json.dumps(body).encode())
    with pytest.raises(AssertionError):
        infercom.check_answer(wrong, streamed=False)
