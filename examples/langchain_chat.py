"""LangChain: a question whose answer needs a function, streamed."""

import os
import sys

from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI


@tool
def get_weather(city: str) -> str:
    """Get the current weather of a city."""
    return f"18 degrees in {city}"  # a real one would ask somebody


model = ChatOpenAI(
    model=os.environ.get("ANTIPHON_MODEL", "qwen2.5-coder-1.5b-instruct"),
    base_url=os.environ.get("ANTIPHON_URL", "http://127.0.0.1:8484/v1"),
    api_key=os.environ.get("ANTIPHON_API_KEY", "none"),
    use_responses_api=True,
    use_previous_response_id=True,
).bind_tools([get_weather])
messages = [HumanMessage(sys.argv[1] if len(sys.argv) > 1 else "What is the weather in Berlin right now?")]
while True:
    answer = None
    for chunk in model.stream(messages):
        print(chunk.text, end="", flush=True)
        answer = chunk if answer is None else answer + chunk
    messages.append(answer)
    if not answer.tool_calls:
        break
    messages += [get_weather.invoke(call) for call in answer.tool_calls]
print()
