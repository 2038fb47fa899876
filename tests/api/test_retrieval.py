"""A response that exists: snapshots, streams from any number, input items."""

import pytest

from tests.asgi import Rooms, script, serving, slow, until
from tests.stores import ReinedStore, full

pytestmark = pytest.mark.anyio

STEPS = script({"reasoning": "a b"}, {"text": "one two three"}, {"call": {"name": "f", "arguments": {"x": 1}}})
DONE = b"data: [DONE]\n\n"


def frames(body: bytes) -> list[bytes]:
    return [frame + b"\n\n" for frame in body.removesuffix(DONE).split(b"\n\n") if frame]


@pytest.mark.parametrize("fields", [{"stream": True}, {"stream": True, "background": True}])
async def test_a_stream_is_resumed_from_every_number_byte_for_byte(fields: dict[str, bool]) -> None:
    async with serving() as server:
        first = await server.create(STEPS, **fields)
        events, sent = first.events(), frames(first.body)
        name = events[0]["response"]["id"]
        assert first.body.endswith(DONE) and len(sent) == len(events)
        whole = await server.ask("GET", f"/v1/responses/{name}?stream=true")
        assert (whole.body, whole.headers["content-type"]) == (first.body, first.headers["content-type"])
        for after in range(len(events)):
            answer = await server.ask("GET", f"/v1/responses/{name}?stream=true&starting_after={after}")
            assert answer.body == b"".join(sent[after + 1 :]) + DONE
        for beyond in (len(events), 10**15):
            answer = await server.ask("GET", f"/v1/responses/{name}?stream=true&starting_after={beyond}")
            assert (answer.status, answer.body) == (200, DONE)


async def test_a_stream_is_joined_while_it_runs_and_followed_to_its_end() -> None:
    async with serving() as server:
        first = server.creating(slow(60), stream=True, background=True)
        await until(lambda: len(first.events()) > 12)
        name = first.events()[0]["response"]["id"]
        joined = [
            server.begin("GET", f"/v1/responses/{name}?stream=true&starting_after={after}") for after in (0, 7, 10**6)
        ]
        sent = frames((await first.end()).body)
        assert (await joined[0].end()).body == b"".join(sent[1:]) + DONE
        assert (await joined[1].end()).body == b"".join(sent[8:]) + DONE
        beyond = await joined[2].end()
        assert beyond.status == 200 and not frames(beyond.body)


async def test_a_foreground_stream_can_be_followed_by_another_reader() -> None:
    async with serving() as server:
        first = server.creating(slow(60), stream=True)
        await until(lambda: len(first.events()) > 5)
        name = first.events()[0]["response"]["id"]
        assert (await server.get(f"/responses/{name}"))["status"] == "in_progress"
        other = server.begin("GET", f"/v1/responses/{name}?stream=true")
        assert (await first.end()).body == (await other.end()).body


@pytest.mark.parametrize("fields", [{}, {"background": True}])
async def test_what_was_not_streamed_is_told_as_a_whole_stream(fields: dict[str, bool]) -> None:
    async with serving() as server:
        name = (await server.made(STEPS, **fields))["id"]
        final = await server.at(name, "completed")
        answer = await server.ask("GET", f"/v1/responses/{name}?stream=true")
        assert answer.events()[-1]["response"] == final


async def test_without_a_log_there_is_a_replay_from_the_beginning_only() -> None:
    store = ReinedStore()
    async with serving(store) as server:
        for status, steps in (("completed", STEPS), ("failed", script({"text": "a"}, {"fail": {}}))):
            first = (await server.create(steps, stream=True)).events()
            name = first[0]["response"]["id"]
            assert await store.sweep(0, 2**40) == 1  # the log's day is over
            answer = await server.ask("GET", f"/v1/responses/{name}?stream=true")
            assert answer.events()[-1] | {"sequence_number": 0} == first[-1] | {"sequence_number": 0}
            assert first[-1]["response"]["status"] == status
            late = await server.ask("GET", f"/v1/responses/{name}?stream=true&starting_after=3")
            assert late.error() == (400, "invalid_value", "starting_after")
            assert (await server.ask("GET", f"/v1/responses/{name}?stream=true&starting_after=0")).status == 200


async def test_silence_is_filled_with_comments() -> None:
    async with serving(heartbeat=0.02) as server:
        answer = await server.create(script({"text": "late", "delay": 0.15}), stream=True)
        assert answer.body.count(b": ping\n\n") >= 3
        assert answer.events()[-1]["response"]["output"][0]["content"][0]["text"] == "late"


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("stream=maybe", "stream"),
        ("stream=true&starting_after=-1", "starting_after"),
        ("stream=true&starting_after=x", "starting_after"),
        ("stream=true&starting_after=1.5", "starting_after"),
        ("stream=true&include_obfuscation=2", "include_obfuscation"),
        ("include[]=everything", "include[0]"),
        ("include=message.output_text.logprobs,none", "include[1]"),
    ],
)
async def test_a_query_at_fault(query: str, param: str) -> None:
    async with serving() as server:
        name = (await server.made("hello"))["id"]
        assert (await server.ask("GET", f"/v1/responses/{name}?{query}")).error() == (400, "invalid_value", param)


async def test_include_comes_in_every_encoding() -> None:
    async with serving() as server:
        name = (await server.made("hello"))["id"]
        one, two = "reasoning.encrypted_content", "message.output_text.logprobs"
        for query in (
            f"include[]={one}&include[]={two}",
            f"include%5B%5D={one}&include%5B%5D={two}",
            f"include={one}&include={two}",
            f"include={one},{two}",
            f"include[0]={one}&include[1]={two}",
        ):
            for path in (f"/responses/{name}", f"/responses/{name}/input_items"):
                await server.get(f"{path}?{query}")


async def test_unknown_and_malformed_ids_are_the_same_404() -> None:
    async with serving() as server:
        await server.made("hello", store=False)
        for name in ("resp_" + "0" * 32, "x", "resp_1'; --", "%00", "r" * 3000):
            for path in ("", "?stream=true", "/input_items"):
                answer = await server.ask("GET", f"/v1/responses/{name}{path}")
                assert answer.error() == (404, None, None)
                assert len(answer.json()["error"]["message"]) < 200


async def numbered(server: Rooms) -> tuple[str, list[str]]:
    """A response made of 25 items in two turns, and the ids of those items, oldest first."""
    items = [{"role": "user", "content": f"{n}", "id": f"msg_{n:02}"} for n in range(23)]
    first = await server.made(items)
    second = await server.made([{"role": "user", "content": "24", "id": "msg_24"}], previous_response_id=first["id"])
    return second["id"], [*(f"msg_{n:02}" for n in range(23)), first["output"][0]["id"], "msg_24"]


async def test_input_items_come_in_pages_and_both_orders() -> None:
    async with serving() as server:
        name, ids = await numbered(server)
        path = f"/responses/{name}/input_items"
        page = await server.get(path)
        assert page.keys() == {"object", "data", "first_id", "last_id", "has_more"}
        assert [item["id"] for item in page["data"]] == ids[::-1][:20]
        assert (page["first_id"], page["last_id"], page["has_more"]) == (ids[-1], ids[5], True)
        for order, expected in (("asc", ids), ("desc", ids[::-1])):
            for limit in (1, 7, 25, 100):
                found: list[str] = []
                after = ""
                while True:
                    page = await server.get(f"{path}?order={order}&limit={limit}&after={after}")
                    found += [item["id"] for item in page["data"]]
                    assert len(page["data"]) <= limit
                    if not page["has_more"]:
                        break
                    after = page["last_id"]
                assert found == expected


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=" + "9" * 5000, "limit"),
        ("order=up", "order"),
        ("after=msg_unknown", "after"),
    ],
)
async def test_a_page_out_of_range(query: str, param: str) -> None:
    async with serving() as server:
        name, _ = await numbered(server)
        answer = await server.ask("GET", f"/v1/responses/{name}/input_items?{query}")
        assert answer.error() == (400, "invalid_value", param)
        held = (await server.ask("POST", "/v1/conversations")).json()["id"]
        answer = await server.ask("GET", f"/v1/conversations/{held}/items?{query}")
        assert answer.error() == (400, "invalid_value", param)


async def test_a_store_that_cannot_read_is_a_503() -> None:
    class Unwell(ReinedStore):
        async def get(self, project: str, response_id: str) -> None:
            raise full()

    async with serving(Unwell()) as server:
        assert (await server.ask("GET", "/v1/responses/resp_1")).error() == (503, "store_unavailable", None)
