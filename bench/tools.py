"""Prints how many of twenty requests with tools the default model gets right, greedily, beside an earlier way.

    python -m bench.tools [--model FILE] [--only NAME]…

The first nine are of the kind that the engine was first tried with: two functions offered, four of the
nine need one. The wording was chosen by the eleven after them and by fourteen others; the last twelve were
written when it stood. Knows nothing of speed.
"""

import argparse
import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from antiphon.core.calls import Translator
from antiphon.core.deltas import CallBegun, CallDelta, CustomBegun, CustomDelta, Delta, TextDelta
from antiphon.core.items import FunctionCall, FunctionCallOutput, InputText, Item, Message, OutputText
from antiphon.core.prompt import Prompt, render
from antiphon.core.request import CustomTool, FunctionTool, Request, Tool
from antiphon.core.signals import Signal
from antiphon.models.llama import LlamaModel, LlamaOptions

BEFORE = {"the nine": "7", "eleven more": "8", "others": "9"}
"""What one JSON object by schema, of each function and of a reply, got right of the same requests."""

DEFAULT = Path(".models/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf")

Calls = list[tuple[str, dict[str, Any]]]
Right = Callable[[Calls, str], bool]


class Case(NamedTuple):
    """A request, and when its answer is right."""

    name: str
    tools: list[Tool]
    items: list[Item]
    right: Right


def tool(name: str, about: str, required: int = 99, /, **kinds: Any) -> FunctionTool:
    """A function; the first `required` of its parameters have to be there."""
    members = {key: {"type": kind} if isinstance(kind, str) else kind for key, kind in kinds.items()}
    schema = {"type": "object", "properties": members, "required": list(members)[:required]}
    return FunctionTool(name=name, description=about, parameters=schema | {"additionalProperties": False})


UNIT = {"type": "string", "enum": ["celsius", "fahrenheit"]}
WEATHER = tool("get_weather", "Get the current weather at a place.", 1, location="string", unit=UNIT)
MAIL = tool("send_email", "Send an email.", to="string", subject="string", body="string")
SHOP = tool("search_products", "Search the shop's products.", 1, query="string", max_price="number")
DAY = {"type": "string", "format": "date"}
EVENT = tool("create_event", "Put an event into the user's calendar.", title="string", date=DAY, time="string")
CLOCK = tool("get_time", "Get the current date and time.")
TIMER = tool("set_timer", "Set a timer.", minutes="integer")
CONTACT = tool("find_contact", "Look up a contact's email address and phone number.", name="string")
SQL = CustomTool(name="run_sql", description="Run a SQL query on the user's database and get the rows.")


def user(text: str) -> Item:
    """The user's words."""
    return Message(role="user", content=[InputText(text)])


def said(text: str) -> Item:
    """The assistant's words."""
    return Message(role="assistant", content=[OutputText(text)])


def done(name: str, output: str, /, **given: Any) -> list[Item]:
    """A call and what it gave."""
    call = FunctionCall(call_id="call_1", name=name, arguments=json.dumps(given))
    return [call, FunctionCallOutput(call_id="call_1", output=output)]


def calls(name: str, /, **wanted: Any) -> Right:
    """One call of that function, whose arguments contain these words or numbers."""

    def right(made: Calls, text: str) -> bool:
        return [one for one, _ in made] == [name] and all(
            str(value).lower() in str(made[0][1].get(key)).lower() for key, value in wanted.items()
        )

    return right


def replies(*words: str) -> Right:
    """Text and no call; the text contains these words."""

    def right(made: Calls, text: str) -> bool:
        return not made and bool(text.strip()) and all(word.lower() in text.lower() for word in words)

    return right


def query(made: Calls, text: str) -> bool:
    """A query and nothing around it."""
    return [name for name, _ in made] == ["run_sql"] and made[0][1]["input"].lower().startswith("select")


def both(made: Calls, text: str) -> bool:
    """A call for either city."""
    places = sorted(str(given.get("location")).lower().partition(",")[0] for _, given in made)
    return {name for name, _ in made} == {"get_weather"} and places == ["madrid", "rome"]


BERLIN = [
    user("What's the weather in Berlin?"),
    *done("get_weather", '{"temperature": 18, "sky": "cloudy"}', location="Berlin"),
]
ANN = done("find_contact", '{"email": "ann@example.com", "phone": "555-0101"}', name="Ann")
TOLD = [*BERLIN, said("It is 18 degrees and cloudy in Berlin.")]
PAIR: list[Tool] = [WEATHER, MAIL]

NINE = [
    Case("paris", PAIR, [user("What's the weather in Paris?")], calls("get_weather", location="paris")),
    Case(
        "oslo",
        PAIR,
        [user("Is it cold in Oslo right now? Use celsius.")],
        calls("get_weather", location="oslo", unit="celsius"),
    ),
    Case(
        "late",
        PAIR,
        [user("Send an email to bob@example.com saying that I'll be late.")],
        calls("send_email", to="bob@example.com", body="late"),
    ),
    Case(
        "warm",
        PAIR,
        [user("How warm is it in San Francisco, in fahrenheit?")],
        calls("get_weather", location="san francisco", unit="fahrenheit"),
    ),
    Case("hello", PAIR, [user("Hello!")], replies()),
    Case("haiku", PAIR, [user("Write a haiku about autumn.")], replies()),
    Case("explain", PAIR, [user("Explain what a binary search is.")], replies("search")),
    Case("sum", PAIR, [user("What is 17 + 25?")], replies("42")),
    Case("result", PAIR, BERLIN, replies("18")),
]
ELEVEN = [
    Case(
        "shoes",
        [WEATHER, MAIL, SHOP],
        [user("Find me running shoes under 80 euros.")],
        calls("search_products", query="shoes", max_price=80),
    ),
    Case("thanks", PAIR, [*TOLD, user("Thanks, that's all!")], replies()),
    Case("capital", PAIR, [user("What is the capital of Japan?")], replies("tokyo")),
    Case("two", PAIR, [user("What's the weather in Rome and in Madrid?")], both),
    Case(
        "dentist",
        [EVENT, CLOCK, MAIL],
        [user("Put a dentist appointment into my calendar for 2026-03-05 at 14:00.")],
        calls("create_event", title="dentist", date="2026-03-05", time="14:00"),
    ),
    Case("time", [EVENT, CLOCK, MAIL], [user("What time is it?")], calls("get_time")),
    Case("french", [WEATHER, MAIL, TIMER], [user("Translate 'good morning' to French.")], replies("bonjour")),
    Case("timer", [WEATHER, MAIL, TIMER], [user("Set a timer for 12 minutes.")], calls("set_timer", minutes=12)),
    Case("sql", [WEATHER, SQL], [user("How many rows are in the table users?")], calls("run_sql", input="select")),
    Case(
        "chain",
        [CONTACT, MAIL],
        [user("Find Ann's email address and write her that the meeting is moved to Friday."), *ANN],
        calls("send_email", to="ann@example.com", body="friday"),
    ),
    Case("python", PAIR, [user("Write a Python function that reverses a string.")], replies("def ")),
]
OTHERS = [
    Case("rain", PAIR, [user("Do I need an umbrella in London today?")], calls("get_weather", location="london")),
    Case("joke", PAIR, [user("Tell me a joke.")], replies()),
    Case(
        "report",
        [EVENT, CLOCK, MAIL],
        [user("Please let anna@firm.org know by mail that the report is finished.")],
        calls("send_email", to="anna@firm.org", body="report"),
    ),
    Case("painter", [SHOP, WEATHER], [user("Who painted the Mona Lisa?")], replies("vinci")),
    Case(
        "cheap",
        [SHOP, WEATHER],
        [user("Do you have any headphones for less than 50 dollars?")],
        calls("search_products", query="headphones", max_price=50),
    ),
    Case(
        "sentence",
        PAIR,
        [user("Summarise in one sentence: The cat sat on the mat, then it slept all day.")],
        replies("cat"),
    ),
    Case("sort", [CONTACT, MAIL], [user("How do I sort an array in JavaScript?")], replies("sort")),
    Case("phone", [CONTACT, MAIL], [user("What is Peter's phone number?")], calls("find_contact", name="peter")),
    Case("remind", [TIMER, CLOCK], [user("Remind me in half an hour.")], calls("set_timer", minutes=30)),
    Case(
        "name",
        PAIR,
        [user("My name is Thomas."), said("Nice to meet you, Thomas!"), user("What is my name?")],
        replies("thomas"),
    ),
    Case("leap", [EVENT, CLOCK, MAIL], [user("How many days does a leap year have?")], replies("366")),
    Case("found", [CONTACT, MAIL], [user("What is Ann's email?"), *ANN], replies("ann@example.com")),
    Case("able", [WEATHER, MAIL, TIMER], [user("What can you do?")], replies()),
    Case("hamburg", PAIR, [*TOLD, user("And in Hamburg?")], calls("get_weather", location="hamburg")),
]

FRESH = [
    Case(
        "snow",
        PAIR,
        [user("Tell me if it snows in Helsinki at the moment.")],
        calls("get_weather", location="helsinki"),
    ),
    Case("poem", [EVENT, CLOCK, MAIL], [user("Make me a limerick about a frog.")], replies("frog")),
    Case(
        "meeting",
        [EVENT, CONTACT],
        [user("Schedule a meeting called Budget on 2026-07-01 at 09:30.")],
        calls("create_event", title="budget", date="2026-07-01", time="09:30"),
    ),
    Case("planets", [SHOP, MAIL], [user("Which planet is the largest in the solar system?")], replies("jupiter")),
    Case("lamp", [SHOP, TIMER], [user("Search for a desk lamp.")], calls("search_products", query="lamp")),
    Case("regex", [WEATHER, SQL], [user("What does the regular expression ^a+$ match?")], replies("a")),
    Case(
        "orders",
        [WEATHER, SQL],
        [user("List the ten newest orders from the orders table.")],
        query,
    ),
    Case("egg", [TIMER, CLOCK], [user("I am boiling an egg, wake me in 7 minutes.")], calls("set_timer", minutes=7)),
    Case("spanish", PAIR, [user("How do you say 'thank you' in Spanish?")], replies("gracias")),
    Case(
        "empty",
        [CONTACT, MAIL],
        [user("What is Zoe's phone number?"), *done("find_contact", '{"error": "no such contact"}', name="Zoe")],
        replies(),
    ),
    Case("half", [EVENT, CLOCK], [user("What is half of 90?")], replies("45")),
    Case(
        "next",
        PAIR,
        [*TOLD, user("Mail that to eve@example.org.")],
        calls("send_email", to="eve@example.org", body="18"),
    ),
]
"""Written when the wording was settled, and asked once."""


def prompt(case: Case, bound: int) -> Prompt:
    """What the model sees of it, greedily."""
    request = Request(model="default", input=case.items, tools=case.tools, temperature=0.0)
    return render(request, request.input, max_output_tokens=bound)


def read(asked: Prompt, deltas: list[Delta]) -> tuple[Calls, str]:
    """The calls and the text of an answer."""
    translator = Translator(asked.offers)
    text, made = "", []
    for delta in [*translator.feed(deltas), *translator.finish()]:
        match delta:
            case TextDelta(text=piece):
                text += piece
            case CallBegun(name=name) | CustomBegun(name=name):
                made.append([name, ""])
            case CallDelta(text=piece) | CustomDelta(text=piece):
                made[-1][1] += piece
            case _:
                continue
    return [(name, given(piece)) for name, piece in made], text


def given(text: str) -> dict[str, Any]:
    """Arguments; what is no whole JSON counts as plain input."""
    try:
        value = json.loads(text)
    except ValueError:
        return {"input": text}
    return value if isinstance(value, dict) else {"input": text}


async def ask(model: LlamaModel, case: Case) -> tuple[bool, str]:
    """Whether the answer is right, and what it was, shortened."""
    asked = prompt(case, 160)
    made, text = read(asked, [delta async for batch in await model.open(asked) for delta in batch])
    shown = " ".join([*(f"{name}({json.dumps(args)})" for name, args in made), text])
    return case.right(made, text), " ".join(shown.split())[:90]


async def measure(path: Path, only: list[str]) -> None:
    """Ask everything, print a table."""

    def silent(signal: Signal) -> None:
        """Nobody listens."""

    model = LlamaModel("default", path, LlamaOptions(slots=1, context=4096), silent)
    await model.start()
    try:
        for title, cases in (("the nine", NINE), ("eleven more", ELEVEN), ("others", OTHERS), ("asked once", FRESH)):
            chosen = [case for case in cases if not only or case.name in only]
            right = 0
            for case in chosen:
                good, shown = await ask(model, case)
                right += good
                print(f"{'right' if good else 'WRONG'}  {case.name:9} {shown}", flush=True)
            beside = f", by one JSON object: {BEFORE[title]}" if title in BEFORE and not only else ""
            print(f"== {title}: {right} of {len(chosen)}{beside}\n", flush=True)
    finally:
        await model.stop()


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=DEFAULT)
    parser.add_argument("--only", action="append", default=[])
    options = parser.parse_args()
    asyncio.run(measure(options.model, options.only))


if __name__ == "__main__":
    main()
