"""A function tool in two round trips: the model calls it, and answers with what it gave.

pip install openai && python examples/weather.py [BASE_URL] [MODEL]
"""

import json
import sys

from openai import OpenAI
from pydantic import BaseModel

BASE_URL, MODEL = (*sys.argv[1:], *("http://127.0.0.1:8484/v1", "qwen2.5-coder-1.5b-instruct")[len(sys.argv) - 1 :])

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


class Person(BaseModel):
    """What is to be found in a text."""

    name: str
    age: int


def get_weather(city: str) -> dict[str, object]:
    """The function itself. A real one would ask somebody."""
    return {"city": city, "temperature": 18, "unit": "celsius", "sky": "cloudy"}


client = OpenAI(base_url=BASE_URL, api_key="none")
items = [{"role": "user", "content": "What is the weather in Berlin right now?"}]

first = client.responses.create(model=MODEL, input=items, tools=TOOLS, temperature=0)
items += first.output
for call in first.output:
    if call.type == "function_call":
        print(f"{call.name}({call.arguments})")
        result = json.dumps(get_weather(**json.loads(call.arguments)))
        items.append({"type": "function_call_output", "call_id": call.call_id, "output": result})

with client.responses.stream(model=MODEL, input=items, tools=TOOLS, temperature=0) as stream:
    for event in stream:
        if event.type == "response.output_text.delta":
            print(event.delta, end="", flush=True)
print()

found = client.responses.parse(model=MODEL, input="Ada Lovelace is 36.", text_format=Person, temperature=0)
print(found.output_parsed)
