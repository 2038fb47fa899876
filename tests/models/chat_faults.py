"""What a Chat Completions server sends that is no answer: each fault, and what it comes to."""

import json
from typing import NamedTuple

from tests.models.chat_habits import CALLED, HI, chunk, function, piece


class Fault(NamedTuple):
    """What a server sends that is no answer, and the status and code that it comes to."""

    data: list[str]
    status: int
    code: str


FAULTS = {
    "merely stops": Fault(HI, 502, "server_error"),
    "broken JSON": Fault([*HI, '{"choices":[{"delta"'], 502, "server_error"),
    "no object": Fault([*HI, "7"], 502, "server_error"),
    "an error": Fault([*HI, json.dumps({"error": {"message": "CUDA error"}})], 502, "server_error"),
    "an error with a 429": Fault(
        [*HI, json.dumps({"error": {"message": "slow down", "code": 429}})], 429, "rate_limit_exceeded"
    ),
    "an error of the rate": Fault(
        [*HI, json.dumps({"error": {"message": "slow down", "code": "rate_limit_exceeded"}})],
        429,
        "rate_limit_exceeded",
    ),
    "no more quota": Fault(
        [*HI, json.dumps({"error": {"message": "pay", "code": "insufficient_quota"}})], 429, "insufficient_quota"
    ),
    "overloaded": Fault([*HI, json.dumps({"error": {"message": "busy", "code": 503}})], 503, "overloaded"),
    "vLLM's error": Fault(
        [*HI, json.dumps({"object": "error", "message": "engine died", "code": 500})], 500, "server_error"
    ),
    "a list of errors": Fault([json.dumps([{"error": {"code": 503, "message": "busy"}}])], 503, "overloaded"),
    "a bare message": Fault([*HI, json.dumps({"message": "no"})], 502, "server_error"),
    "too long": Fault(
        [json.dumps({"error": {"message": "the request exceeds the available context size", "code": 400}})],
        400,
        "context_length_exceeded",
    ),
    "finished by error": Fault([*HI, chunk(finish="error"), "[DONE]"], 502, "server_error"),
    "nothing at all": Fault(["[DONE]"], 502, "server_error"),
    "a call without a name": Fault(
        [piece(index=0, id="a1", function=function(None, "{}")), *CALLED], 502, "server_error"
    ),
}
"""Answers that end in a fault, whatever was said before."""
