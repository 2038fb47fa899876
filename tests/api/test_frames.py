"""Frames: what a client says, and what it is told besides events."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import ResponseSteerFailedEvent

from antiphon.api.frames import Create, Steer, Wrong, error, read, steer_failed, told
from antiphon.core.problems import Problem
from tests.openapi import check_socket_error

_anything = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "input", "stream_id", "x"]), inner)
    ),
    max_leaves=8,
)


@given(st.binary(max_size=30) | _anything.map(lambda value: json.dumps(value).encode()), st.booleans())
def test_whatever_comes_is_read_or_refused(data: bytes, lanes: bool) -> None:  # noqa: FBT001  drawn
    frame = read(data, lanes=lanes)
    if isinstance(frame, Wrong):
        assert frame.problem.status == 400
        assert frame.size == len(data)


def test_a_create() -> None:
    data = json.dumps(
        {"type": "response.create", "stream": False, "stream_id": "a_1.B-2", "input": "x", "previous_response_id": "r"}
    ).encode()
    frame = read(data, lanes=True)
    assert frame == Create({"stream": True, "input": "x", "previous_response_id": "r"}, "a_1.B-2", len(data))
    assert isinstance(frame, Create) and frame.follows == "r"
    plain = read(data, lanes=False)
    assert isinstance(plain, Create)
    assert (plain.stream_id, plain.body["stream_id"]) == (None, "a_1.B-2")


@pytest.mark.parametrize("name", ["", "a b", "a" * 257, "ä", 5, ["a"], "a\n"])
def test_a_lane_has_a_name(name: object) -> None:
    frame = read(json.dumps({"type": "response.create", "stream_id": name}).encode(), lanes=True)
    assert isinstance(frame, Wrong)
    assert frame.problem.param == "stream_id"


def test_what_a_wrong_create_went_on_from_is_known() -> None:
    frame = read(b'{"type": "response.create", "background": true, "previous_response_id": "r"}', lanes=True)
    assert isinstance(frame, Wrong) and frame.follows == "r"
    frame = read(b'{"type": "response.create", "background": true, "previous_response_id": 5}', lanes=True)
    assert isinstance(frame, Wrong) and frame.follows is None


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (Problem(400, "invalid_value", "No.", param="input"), "invalid_value"),
        (Problem(400, None, "No."), "invalid_request_error"),
        (Problem(404, None, "No."), "not_found"),
        (Problem(429, None, "No."), "rate_limit_error"),
        (Problem(500, None, "No."), "server_error"),
    ],
)
def test_the_code_of_an_error_is_never_null(problem: Problem, code: str) -> None:
    event = json.loads(error(problem))
    check_socket_error(event)
    assert event["error"]["code"] == code
    assert event["status"] == problem.status
    assert event["error"]["param"] == problem.param
    assert event.keys() == {"type", "status", "error"}


def test_an_error_tells_its_lane_and_its_headers() -> None:
    event = json.loads(error(Problem(429, "rate_limit_exceeded", "No."), [(b"retry-after", b"3")], "a"))
    check_socket_error(event)
    assert event["stream_id"] == "a"
    assert event["error"]["headers"] == {"retry-after": "3"}


@pytest.mark.parametrize(
    ("steer", "code"),
    [
        (Steer("Stop.", "resp_1"), "steering_not_supported"),
        (Steer([{"type": "message", "role": "user", "content": "Stop."}], "resp_1"), "steering_not_supported"),
        (Steer(None, "resp_1"), "invalid_input"),
        (Steer("Stop.", None), "invalid_input"),
        (Steer("Stop.", 5), "invalid_input"),
    ],
)
def test_steering_fails_in_the_sdks_shape(steer: Steer, code: str) -> None:
    event = ResponseSteerFailedEvent.model_validate_json(steer_failed(steer), strict=True)
    assert event.error.code == code


def test_an_event_with_what_it_carries_besides() -> None:
    data = b'{"type":"a","x":{}}'
    assert told(data, None) == data.decode()
    assert json.loads(told(data, "l", ["a.b", 'c"'])) == {
        "type": "a",
        "x": {},
        "stream_id": "l",
        "ignored_parameters": ["a.b", 'c"'],
    }
