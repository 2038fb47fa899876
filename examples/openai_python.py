"""OpenAI's SDK for Python: a question whose answer needs a function, streamed."""

import json
import os
import sys

from openai import OpenAI

MODEL = os.environ.get("ANTIPHON_MODEL", "qwen2.5-coder-1.5b-instruct")
QUESTION = sys.argv[1] if len(sys.argv) > 1 else "What is the weather in Berlin right now?"
TOOLS = [
    {
        "type": "function",
        "name": "get_weather",
        "description": "Get the current weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
        "strict": True,
    }
]


def get_weather(city: str) -> str:
    """The function itself. A real one would ask somebody."""
    return f"18 degrees in {city}"


client = OpenAI(
    base_url=os.environ.get("ANTIPHON_URL", "http://127.0.0.1:8484/v1"),
    api_key=os.environ.get("ANTIPHON_API_KEY", "none"),
)
asked, before = QUESTION, None
while asked:
    with client.responses.stream(model=MODEL, input=asked, tools=TOOLS, previous_response_id=before) as stream:
        for event in stream:
            if event.type == "response.output_text.delta":
                print(event.delta, end="", flush=True)
        response = stream.get_final_response()
    before = response.id
    asked = [
        {
            "type": "function_call_output",
            "call_id": call.call_id,
            "output": get_weather(**json.loads(call.arguments)),
        }
        for call in response.output
        if call.type == "function_call"
    ]
print()
