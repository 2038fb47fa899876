"""The tokens of a prompt at a Chat Completions upstream: counted as each known server counts, else estimated."""

from typing import Any

import pytest
from aiohttp import web

from antiphon.core.items import InputText, Message
from antiphon.core.offers import choose, offers
from antiphon.core.prompt import Count, Prompt, Sampling
from antiphon.core.request import FunctionTool
from antiphon.models.chat_tokens import TokenCounter, estimate
from antiphon.models.http import Http
from antiphon.models.upstream import UpstreamFault
from tests.models.http_upstream import Answering, Stand, refusing, standing

pytestmark = pytest.mark.anyio

TOOL = FunctionTool(name="weather", description="The weather of a city.", parameters={"type": "object"})
OFFERED = offers([TOOL], [])
PROMPT = Prompt(
    model="m",
    items=[Message(role="user", content=[InputText("How warm is it in Oslo?")])],
    sampling=Sampling(max_output_tokens=16),
    offers=OFFERED,
    choice=choose(OFFERED, "auto"),
)


def answering(**paths: Any) -> Answering:
    """Answers by the last word of the path with what that makes of the body; 404 for any other."""

    async def answer(request: web.Request, body: Any) -> web.StreamResponse:
        make = paths.get(request.path.rpartition("/")[2].replace("-", "_"))
        told = None if make is None else make(body)
        return web.json_response({"error": "no"}, status=404) if told is None else web.json_response(told)

    return answer


def counter(stand: Stand, http: Http) -> TokenCounter:
    return TokenCounter(stand.upstream(kind="chat", key="sk-secret"), "there", http)


async def counted(behaviour: Answering) -> tuple[Count, list[tuple[str, Any]], list[str | None]]:
    """What comes of counting twice, and how the server was asked."""
    http = Http()
    async with standing(behaviour) as stand:
        count = counter(stand, http)
        first, second = await count.count(PROMPT), await count.count(PROMPT)
        assert first == second
    await http.close()
    return first, stand.asked, stand.keys


async def test_as_vllm_counts_messages_with_their_tools() -> None:
    def tokenize(body: Any) -> Any:
        return {"count": 42, "max_model_len": 4096, "tokens": []} if "messages" in body else None

    count, asked, keys = await counted(answering(tokenize=tokenize))
    assert count == Count(42)
    assert [path for path, _ in asked] == ["/tokenize"] * 2 and keys == ["Bearer sk-secret"] * 2
    body = asked[0][1]
    assert body["model"] == "there" and body["messages"][0]["content"] == "How warm is it in Oslo?"
    assert body["tools"][0]["function"]["name"] == "weather" and body["add_generation_prompt"] is True


async def test_as_llama_cpp_counts_a_text_that_its_template_made() -> None:
    def tokenize(body: Any) -> Any:
        return {"tokens": body["content"].split()} if "content" in body else {"tokens": []}

    def template(body: Any) -> Any:
        return {"prompt": f"<user> {body['messages'][0]['content']} <assistant>"}

    count, asked, _ = await counted(answering(tokenize=tokenize, apply_template=template))
    assert count == Count(8)
    # The way that did not work is not tried again.
    assert [path for path, _ in asked] == ["/tokenize", *["/apply-template", "/tokenize"] * 2]


async def test_as_sglang_counts_a_bare_text() -> None:
    def tokenize(body: Any) -> Any:
        return {"tokens": body["prompt"].split(), "count": 6} if "prompt" in body else None

    count, *_ = await counted(answering(tokenize=tokenize))
    assert not count.estimated and count.tokens > 6  # the tools' text is counted with it


@pytest.mark.parametrize(
    "told", [None, {}, {"count": "many"}, {"count": -1}, {"count": 0}, [1, 2], "text", {"tokens": []}]
)
async def test_a_server_that_does_not_count_is_estimated_and_marked(told: Any) -> None:
    count, asked, _ = await counted(answering(tokenize=lambda _: told))
    assert count == Count(estimate(PROMPT), estimated=True)
    assert len(asked) <= 3  # and it is not asked again


async def test_one_that_is_not_there_is_told_so_and_asked_again() -> None:
    http = Http()
    async with standing(refusing(503)) as stand:
        count = counter(stand, http)
        for _ in range(2):
            with pytest.raises(UpstreamFault):
                await count.count(PROMPT)
        assert [path for path, _ in stand.asked] == ["/tokenize"] * 2
    await http.close()


def test_an_estimate_grows_with_what_is_read() -> None:
    bare = Prompt(model="m", items=PROMPT.items, sampling=PROMPT.sampling)
    assert 0 < estimate(bare) < estimate(PROMPT)
