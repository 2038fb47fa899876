"""The samples of the services' documents (`tests/spec`), as programs that can be run.

Knows nothing of the server that they are run against, but for how a sample is turned to it: its base URL, its key and
its model, and nothing else. The guide's samples lost their line breaks, and stand here with them; the tests see that
what stands here is the guide's but for white space.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

SPEC = Path(__file__).parents[1] / "spec"
INFERCOM, INFINITYBLUE = "https://api.infercom.ai/v1", "https://api.getinfinityblue.com/v1"
MODELS = ("MiniMax-M2.5", "gpt-5.4")
KEY = "sk-any"


@dataclass(frozen=True)
class Sample:
    """A program, as its document has it. `language` is JavaScript, Python or cURL, `base` the service's own."""

    language: str
    base: str
    source: str

    def turned(self, url: str, model: str) -> str:
        """The program, turned to a model of the server at `url`."""
        source = self.source.replace(self.base, url)
        for key in ("your-infercom-api-key", "<token>"):
            source = source.replace(key, KEY)
        for name in MODELS:
            source = source.replace(f'"{name}"', f'"{model}"').replace(f"'{name}'", f"'{model}'")
        return source


def read(name: str) -> str:
    """A document."""
    return (SPEC / name).read_text(encoding="utf-8")


def document() -> dict[str, Any]:
    """Infercom's OpenAPI document."""
    found: dict[str, Any] = yaml.safe_load(read("infercom.openapi.yaml"))
    return found


def _between(text: str, start: str, end: str) -> str:
    """What stands from the first `start` on, up to the next `end`."""
    return start + text.split(start, 1)[1].split(end, 1)[0]


def undamaged() -> dict[str, Sample]:
    """The samples that their documents show whole."""
    described = document()["paths"]["/responses"]["post"]["x-codeSamples"]
    found = {f"OpenAPI, {one['lang']}": Sample(one["lang"], INFERCOM, one["source"]) for one in described}
    page = _between(read("infercom.reference.txt"), "import OpenAI", "\n{\n")
    curl = _between(read("infinityblue.reference.txt"), "curl --request POST", '\n{\n  "id"')
    return found | {
        "reference, JavaScript": Sample("JavaScript", INFERCOM, page),
        "InfinityBlue, cURL": Sample("cURL", INFINITYBLUE, curl),
    }


SIMPLE = """\
from openai import OpenAI

client = OpenAI(
    base_url="https://api.infercom.ai/v1",
    api_key="your-infercom-api-key"
)

response = client.responses.create(
    model="MiniMax-M2.5",
    input="Explain the difference between supervised and unsupervised learning."
)

# Access the text output
print(response.output_text)
"""

CLIENT = SIMPLE.partition("response =")[0]
"""What the guide shows once, and its other samples stand on."""

PIRATE = """\
response = client.responses.create(
    model="MiniMax-M2.5",
    instructions="You are a helpful assistant that speaks like a pirate.",
    input="How are you today?"
)
"""

TURNS = """\
# Turn 1
response_1 = client.responses.create(
    model="MiniMax-M2.5",
    input=[{"role": "user", "content": "My name is Thomas."}]
)

# Turn 2 - include prior messages
response_2 = client.responses.create(
    model="MiniMax-M2.5",
    input=[
        {"role": "user", "content": "My name is Thomas."},
        response_1.output[0],  # Include assistant's response
        {"role": "user", "content": "What is my name?"}
    ]
)

print(response_2.output_text)  # "Your name is Thomas..."
"""

FIRST_CALL = """\
import json

tools = [
    {
        "type": "function",
        "name": "get_weather",
        "description": "Get the current weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    }
]

response = client.responses.create(
    model="MiniMax-M2.5",
    input=[{"role": "user", "content": "What's the weather in Berlin?"}],
    tools=tools,
)
"""
"""The import and the first call, which the guide's weather sample lost: its question and its tool, as it uses them."""

WEATHER = """\
# Execute the function locally
def get_weather(city: str) -> dict:
    # Your actual weather API call here
    return {"city": city, "temperature": "18°C", "condition": "Cloudy"}

# Find the function call in the response
tool_call = next(item for item in response.output if item.type == "function_call")
args = json.loads(tool_call.arguments)
result = get_weather(args["city"])

# Send result back to the model
follow_up = client.responses.create(
    model="MiniMax-M2.5",
    input=[
        {"role": "user", "content": "What's the weather in Berlin?"},
        tool_call,  # Include the function call
        {
            "type": "function_call_output",
            "call_id": tool_call.call_id,
            "output": json.dumps(result)
        }
    ],
    tools=tools
)

print(follow_up.output_text)  # "The weather in Berlin is 18°C and cloudy."
"""

STREAM = """\
stream = client.responses.create(
    model="MiniMax-M2.5",
    input="Write a short poem about speed.",
    stream=True
)

for event in stream:
    if event.type == "response.output_text.delta":
        print(event.delta, end="", flush=True)
"""

GUIDE = {"simple": SIMPLE, "instructions": PIRATE, "two turns": TURNS, "weather": WEATHER, "stream": STREAM}
"""The guide's samples, with their line breaks."""


def guide(name: str) -> Sample:
    """A sample of the guide, with what it stands on."""
    before = {"simple": "", "weather": CLIENT + FIRST_CALL}.get(name, CLIENT)
    return Sample("Python", INFERCOM, before + GUIDE[name])
