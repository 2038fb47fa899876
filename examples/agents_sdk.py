"""OpenAI's Agents SDK: an agent with a function, streamed; what was said is kept in a conversation on the server."""

import asyncio
import os
import sys

from agents import (
    Agent,
    OpenAIConversationsSession,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from openai import AsyncOpenAI

MODEL = os.environ.get("ANTIPHON_MODEL", "qwen2.5-coder-1.5b-instruct")
QUESTION = sys.argv[1] if len(sys.argv) > 1 else "What is the weather in Berlin right now?"


@function_tool
def get_weather(city: str) -> str:
    """Get the current weather of a city."""
    return f"18 degrees in {city}"  # a real one would ask somebody


async def main() -> None:
    """Ask, and print the answer as it comes."""
    set_tracing_disabled(disabled=True)  # traces would be sent to OpenAI
    async with AsyncOpenAI(
        base_url=os.environ.get("ANTIPHON_URL", "http://127.0.0.1:8484/v1"),
        api_key=os.environ.get("ANTIPHON_API_KEY", "none"),
    ) as client:
        agent = Agent(
            name="Assistant",
            instructions="Be brief.",
            model=OpenAIResponsesModel(model=MODEL, openai_client=client),
            tools=[get_weather],
        )
        run = Runner.run_streamed(agent, QUESTION, session=OpenAIConversationsSession(openai_client=client))
        async for event in run.stream_events():
            if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
                print(event.data.delta, end="", flush=True)
        print()


asyncio.run(main())
