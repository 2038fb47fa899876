"""A program of the Agents SDK, run in its own environment: plays one scenario after another, over HTTP and then over a
WebSocket, and prints what came out.

    python agents_program.py BASE_URL

Knows nothing of what should come out: `tests/clients/test_agents.py` does.
"""

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from typing import Any

from agents import (
    Agent,
    OpenAIConversationsSession,
    RunConfig,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from agents.models.openai_provider import OpenAIProvider
from agents.models.openai_responses import ResponsesWebSocketError
from openai import AsyncOpenAI, NotFoundError
from pydantic import BaseModel


class Person(BaseModel):
    """What is asked for as a value."""

    name: str
    age: int


@function_tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"18 degrees in {city}"


WEATHER = {
    "turns": [
        [{"reasoning": "I ask."}, {"call": {"name": "get_weather", "arguments": {"city": "Berlin"}}}],
        [{"text": "It is "}, {"tell": "output"}],
    ]
}
HANDOFF = {"turns": [[{"call": {"name": "transfer_to_duck", "arguments": {}}}], [{"text": "quack"}]]}


class Scenarios:
    """What is played, over one transport."""

    def __init__(self, client: AsyncOpenAI, config: RunConfig) -> None:
        self.client, self.config = client, config
        self.agent = Agent(name="Assistant", instructions="Be brief.", model="scripted", tools=[get_weather])

    async def run(self, asked: Any, agent: Agent | None = None, **more: Any) -> Any:
        """The result of a run; what is asked is a script, or a text."""
        text = asked if isinstance(asked, str) else json.dumps(asked)
        return await Runner.run(agent or self.agent, text, run_config=self.config, **more)

    async def text(self) -> Any:
        return (await self.run("Hello there.")).final_output

    async def tool(self) -> Any:
        result = await self.run(WEATHER)
        return [type(item).__name__ for item in result.new_items], result.final_output

    async def streamed(self) -> Any:
        result = Runner.run_streamed(self.agent, json.dumps(WEATHER), run_config=self.config)
        deltas, kinds = [], []
        async for event in result.stream_events():
            if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
                deltas.append(event.data.delta)
            elif event.type == "run_item_stream_event":
                kinds.append(event.name)
        return deltas, kinds, result.final_output

    async def value(self) -> Any:
        agent = Agent(name="Reader", model="scripted", output_type=Person)
        return (await self.run([{"text": '{"name": "Ada", "age": 36}'}], agent)).final_output.model_dump()

    async def handoff(self) -> Any:
        duck = Agent(name="duck", model="scripted")
        result = await self.run(HANDOFF, Agent(name="Host", model="scripted", handoffs=[duck]))
        return result.last_agent.name, result.final_output

    async def session(self) -> Any:
        session = OpenAIConversationsSession(openai_client=self.client)
        await self.run("My name is Ann.", session=session)
        await self.run(WEATHER, session=session)
        told = json.loads((await self.run([{"tell": "prompt"}], session=session)).final_output)
        kept = [item.get("type", "message") for item in await session.get_items()]
        newest = [item["role"] for item in await session.get_items(limit=2)]
        popped = (await session.pop_item() or {})["role"]
        left = len(await session.get_items())
        await session.clear_session()
        return [item["type"] for item in told["items"]], kept, newest, popped, left, len(await session.get_items())

    async def chained(self) -> Any:
        first = await self.run("My name is Ann.")
        second = await self.run([{"tell": "prompt"}], previous_response_id=first.last_response_id)
        alone = await self.run(WEATHER, auto_previous_response_id=True)
        items = json.loads(second.final_output)["items"]
        return [item["content"][0]["text"] for item in items[1:3]], alone.final_output

    async def refused(self) -> Any:
        try:
            await self.run("Hello.", Agent(name="Nobody", model="missing"))
        except (NotFoundError, ResponsesWebSocketError) as error:
            return type(error).__name__, str(error)
        return None


async def played(url: str, *, sockets: bool) -> dict[str, Any]:
    """What comes out of each scenario, by name."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(AsyncOpenAI(base_url=url, api_key="any", max_retries=0))
        provider = OpenAIProvider(openai_client=client, use_responses=True, use_responses_websocket=sockets)
        stack.push_async_callback(provider.aclose)
        scenarios = Scenarios(client, RunConfig(model_provider=provider))
        names = [name for name in vars(Scenarios) if not name.startswith("_") and name != "run"]
        return {name: await getattr(scenarios, name)() for name in names}


async def main(url: str) -> None:
    """Play all of them, and print a JSON object by transport."""
    set_tracing_disabled(disabled=True)
    told = {"http": await played(url, sockets=False), "websocket": await played(url, sockets=True)}
    print(json.dumps(told))


asyncio.run(main(*sys.argv[1:]))
