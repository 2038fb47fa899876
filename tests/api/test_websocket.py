"""WebSocket mode: one connection, many turns; the rules of protocol §7, one by one."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from antiphon.api import websocket
from antiphon.api.admission import Admission
from antiphon.api.sockets import Sockets
from antiphon.core.signals import RequestEnded, RunEnded
from tests.asgi import Entry, Rooms, script, serving, slow, until
from tests.talk import Talk, text, whole

pytestmark = pytest.mark.anyio


def ends(server: Rooms) -> list[str]:
    """How the runs of a server ended, in order."""
    return [one.status for one in server.signals if isinstance(one, RunEnded)]


def nothing_left(server: Rooms, tasks: int) -> Callable[[], bool]:
    return lambda: not server.runner._running and len(asyncio.all_tasks()) == tasks  # noqa: SLF001  the loop's own books


async def test_turns_follow_one_another_on_one_connection() -> None:
    async with serving() as server:
        talk = await Talk(server).open()
        assert talk.headers["x-request-id"].startswith("req_")
        for word in ("one", "two"):
            assert text(await talk.ask(word)) == word


async def test_one_is_in_flight_and_the_others_wait_in_order() -> None:
    async with serving() as server:
        talk = await Talk(server).open()
        for word in ("one two", "three four", "five"):
            talk.create(word)
        turns = [await talk.turn() for _ in range(3)]
        assert [text(whole(turn)) for turn in turns] == ["one two", "three four", "five"]
        assert len({frame["response"]["id"] for turn in turns for frame in turn if "response" in frame}) == 3


async def test_no_more_is_read_than_may_wait() -> None:
    async with serving() as server:
        talk = await Talk(server).open()
        talk.create(slow(50))
        for _ in range(websocket.QUEUED + 99):
            talk.create("a")
        await until(lambda: talk.said.qsize() == 99)  # one runs, and so many wait
        for _ in range(websocket.QUEUED + 100):
            await talk.response()


async def test_what_waits_may_not_have_more_bytes_than_a_body() -> None:
    async with serving() as server:
        talk = await Talk(server).open()
        talk.create(slow(50))
        for _ in range(6):
            talk.create(script({"text": "a"}), instructions="x" * 300_000)
        await until(lambda: talk.said.qsize() == 2)
        for _ in range(7):
            await talk.response()


async def test_an_error_leaves_the_connection_open_and_comes_in_its_turn() -> None:
    async with serving() as server:
        talk = await Talk(server).open()
        talk.create(slow(5))
        talk.say("{")
        talk.create("a", model="missing")
        assert (await talk.response())["status"] == "completed"
        assert await talk.error() == (400, "invalid_json", None)
        assert await talk.error() == (404, "model_not_found", "model")
        assert text(await talk.ask("b")) == "b"


@pytest.mark.parametrize(
    ("frame", "refusal"),
    [
        ("", (400, "invalid_json", None)),
        (b"\xff\xfe", (400, "invalid_json", None)),
        ("[1]", (400, "invalid_value", None)),
        ("null", (400, "invalid_value", None)),
        ({"model": "scripted", "input": "a"}, (400, "missing_required_parameter", "type")),
        ({"type": "response.cancel"}, (400, "invalid_value", "type")),
        ({"type": 1}, (400, "invalid_value", "type")),
        ({"type": "response.create"}, (400, "missing_required_parameter", "model")),
        ({"type": "response.create", "model": "scripted"}, (400, "missing_required_parameter", "input")),
        (
            {"type": "response.create", "model": "scripted", "input": "a", "temperature": 3},
            (400, "decimal_above_max_value", "temperature"),
        ),
        (
            {"type": "response.create", "model": "scripted", "input": "a", "background": True},
            (400, "unsupported_parameter", "background"),
        ),
        (
            {"type": "response.create", "model": "scripted", "input": "a", "stream_id": "no blanks"},
            (400, "invalid_value", "stream_id"),
        ),
        ("[" * 500 + "]" * 500, (400, "invalid_value", None)),
    ],
)
async def test_a_malformed_frame(frame: Any, refusal: tuple[int, str, str | None]) -> None:
    async with serving() as server:
        talk = await Talk(server).open()
        talk.say(frame)
        assert await talk.error() == refusal
        assert text(await talk.ask("a")) == "a"


async def test_json_in_a_binary_frame_is_read_too() -> None:
    async with serving() as server:
        talk = await Talk(server).open()
        talk.say(b'{"type": "response.create", "model": "scripted", "input": "a"}')
        assert text(await talk.response()) == "a"


async def test_who_leaves_cancels_what_is_in_flight() -> None:
    async with serving() as server:
        tasks = len(asyncio.all_tasks())
        talk = await Talk(server).open()
        talk.create(slow(100_000))
        talk.create("never begun")
        created = await talk.hear()
        talk.leave()
        await talk.end()
        await until(lambda: ends(server))
        assert ends(server) == ["cancelled"]
        stored = await server.get(f"/responses/{created['response']['id']}")
        assert stored["status"] == "cancelled"
        await until(nothing_left(server, tasks))


async def test_who_leaves_before_a_word_was_said_cancels_it_too() -> None:
    async with serving() as server:
        tasks = len(asyncio.all_tasks())
        talk = await Talk(server).open()
        talk.create(script({"text": "a", "delay": 1000}))
        await talk.hear()
        talk.leave()
        await talk.end()
        await until(nothing_left(server, tasks))
        assert ends(server) == ["cancelled"]


async def test_who_leaves_at_once_leaves_nothing_behind() -> None:
    async with serving() as server:
        tasks = len(asyncio.all_tasks())
        for _ in range(20):
            talk = Talk(server)
            talk.create("a b c")
            talk.leave()
            await talk.end()
        await until(nothing_left(server, tasks))


async def test_a_slow_reader_waits_and_misses_nothing() -> None:
    async with serving() as server:
        talk = await Talk(server).open()
        talk.slow.clear()
        talk.create(script({"text": "w ", "whole": True, "count": 2000}))
        await until(lambda: ends(server))  # the run does not wait for its reader
        assert talk.heard.empty()
        talk.slow.set()
        assert text(await talk.response()) == "w " * 2000


async def test_a_slow_reader_who_leaves_is_let_go() -> None:
    async with serving() as server:
        tasks = len(asyncio.all_tasks())
        talk = await Talk(server).open()
        talk.create(script({"text": "w ", "whole": True, "count": 10}))
        talk.slow.clear()
        await until(lambda: ends(server))
        talk.leave()
        talk.slow.set()
        await talk.end()
        await until(nothing_left(server, tasks))


async def test_steering_fails_as_documented_at_once() -> None:
    async with serving() as server:
        talk = await Talk(server).open()
        talk.create(slow(1000))
        created = await talk.hear()
        talk.say({"type": "response.steer", "previous_response_id": created["response"]["id"], "input": "Stop."})
        frame = await talk.hear()
        while frame["type"] != "response.steer.failed":
            frame = await talk.hear()
        assert frame["error"]["type"] == "invalid_request_error"
        assert frame["error"]["code"] == "steering_not_supported"
        assert frame["steer"] == {"input": "Stop.", "previous_response_id": created["response"]["id"]}
        talk.leave()
        await talk.end()


async def test_after_its_time_a_connection_is_told_and_closed() -> None:
    async with serving(entry=Entry(sockets=lambda: Sockets(minutes=0.0005))) as server:
        talk = await Talk(server).open()
        frame = await talk.hear()
        assert frame["error"]["code"] == "websocket_connection_limit_reached"
        assert (frame["type"], frame["status"]) == ("error", 400)
        await talk.end()
        assert talk.code == 1000


async def test_what_is_in_flight_then_comes_to_its_end_and_no_other_turn_begins() -> None:
    async with serving(entry=Entry(sockets=lambda: Sockets(minutes=0.003))) as server:
        talk = await Talk(server).open()
        talk.create(slow(100))
        talk.create("never begun")
        assert (await talk.response())["status"] == "completed"
        assert await talk.error() == (400, "websocket_connection_limit_reached", None)
        await talk.end()
        assert ends(server) == ["completed"]


async def test_what_takes_too_long_after_that_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "PATIENCE", 0.05)
    async with serving(entry=Entry(sockets=lambda: Sockets(minutes=0.001))) as server:
        talk = await Talk(server).open()
        talk.create(slow(100_000))
        await talk.end()
        assert talk.code == 1000
        await until(lambda: ends(server) == ["cancelled"])


async def test_a_server_that_stops_lets_what_is_in_flight_end() -> None:
    sockets = Sockets()
    async with serving(entry=Entry(sockets=lambda: sockets)) as server:
        idle, busy = await Talk(server).open(), await Talk(server).open()
        busy.create(slow(30))
        await busy.hear()
        sockets.leave()
        await idle.end()
        assert idle.code == 1012
        last = (await busy.turn())[-1]
        assert last["type"] == "response.completed"
        await busy.end()
        assert busy.code == 1012
        late = await Talk(server).open()
        await late.end()
        assert late.code == 1012


async def test_an_origin_is_checked_as_for_every_request() -> None:
    app = "https://app.example"
    async with serving(entry=Entry(Admission(origins=frozenset({app})))) as server:
        assert (await Talk(server, {"origin": "https://evil.example"}).refusal()) == (403, "origin_not_allowed")
        talk = await Talk(server, {"origin": app}).open()
        assert text(await talk.ask("a")) == "a"
        same = await Talk(server, {"origin": "http://localhost"}).open()
        assert text(await same.ask("a")) == "a"
        assert (await Talk(server, {"host": "evil.example"}).refusal()) == (403, "host_not_allowed")


async def test_a_key_is_asked_for_at_the_handshake_and_may_go_at_any_time() -> None:
    async with serving() as server:
        key = await server.key()
        await server.directory.refresh()
        assert (await Talk(server).refusal()) == (401, "invalid_api_key")
        talk = await Talk(server, {"authorization": f"Bearer {key}"}).open()
        assert text(await talk.ask("a")) == "a"
        (kept,) = (await server.store.roll()).keys
        await server.store.keep_key(replace(kept, revoked_at=1))
        talk.create("b")
        assert await talk.error() == (401, "invalid_api_key", None)


async def test_a_plain_get_is_told_to_upgrade() -> None:
    async with serving() as server:
        answer = await server.ask("GET", "/v1/responses")
        assert answer.error() == (426, "upgrade_required", None)
        assert answer.headers["upgrade"] == "websocket"


@pytest.mark.parametrize("base", ["/infercom/v1", "/gateway/v1", "/infinityblue/v1"])
async def test_a_contract_without_sockets_has_none(base: str) -> None:
    async with serving() as server:
        talk = Talk(server, base=base)
        await talk.end()
        assert talk.status == 404


async def test_no_other_path_takes_a_socket() -> None:
    async with serving() as server:
        talk = Talk(server, base="/v1/responses")  # the response with the id "responses"
        await talk.end()
        assert talk.status == 404


async def test_every_turn_is_counted_as_a_request() -> None:
    async with serving() as server:
        talk = await Talk(server).open()
        await talk.ask("a")
        talk.create("a", model="missing")
        await talk.error()
        talk.leave()
        await talk.end()
        told = [one for one in server.signals if isinstance(one, RequestEnded)]
        assert [(one.method, one.status, one.code) for one in told] == [
            ("WEBSOCKET", 200, None),
            ("WEBSOCKET", 404, "model_not_found"),
            ("GET", 101, None),
        ]
        assert len({one.request_id for one in told}) == 3
