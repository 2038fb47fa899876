"""What the embedded model is told of its tools and of the form of its answer, and calls as it writes them.

Knows nothing of the grammar that holds it to this, nor of any one model.

The wording is measured: `bench/tools.py` counts the requests that the default model gets right, and
docs/log.md has what was tried and dropped.
"""

from collections.abc import Iterator, Sequence

import msgspec

from antiphon.core.items import JSON
from antiphon.core.offers import Offer
from antiphon.core.request import Format, JsonObjectFormat, JsonSchemaFormat, TextFormat
from antiphon.models.llama_frames import Said

_TEXT = (
    "Say something to the user: answer a question from what you know, write a text or code, greet, or tell what a "
    "function returned."
)

SHOTS = (
    ("Hi", "Hello! How can I help you?"),
    ("Who wrote Hamlet?", "William Shakespeare wrote Hamlet."),
    ("Explain what a prime number is.", "A prime number is a whole number above 1 that only 1 and itself divide."),
    ("Write a bash loop that counts to three.", "```bash\nfor n in 1 2 3; do echo $n; done\n```"),
)
"""Exchanges that show an answer in text; without them the default model calls something nearly always."""


def told(offers: Sequence[Offer], reply: str, form: Format) -> str:
    """The system's words on tools and on the answer's form; "" where there is nothing to say."""
    parts = []
    if offers:
        parts.append(
            "You answer by one of these functions:\n"
            + "\n".join(_line(offer) for offer in offers)
            + f"\n- {reply}(text): {_TEXT}\n\n"
            + "First write the function's name on a line of its own, then its arguments as JSON, "
            + f"or for {reply} the text."
        )
    match form:
        case JsonObjectFormat():
            parts.append(f"{_answer(offers, reply)} one JSON object, and nothing else.")
        case JsonSchemaFormat(schema=schema, description=about):
            purpose = f" ({about})" if about else ""
            parts.append(f"{_answer(offers, reply)} JSON{purpose} that fits this JSON Schema: {_json(schema)}")
        case TextFormat():
            pass
    return "\n\n".join(parts)


def shots(offers: Sequence[Offer], reply: str, form: Format) -> Iterator[Said]:
    """Exchanges before the first, where they help."""
    if not offers:
        return
    for asked, answered in SHOTS:
        yield Said("user", asked)
        yield Said("assistant", f"{reply}\n{answered}")


def call(name: str, given: str) -> str:
    """A call as the model writes it."""
    return f"{name}\n{given}"


def output(name: str, text: str) -> str:
    """What a call gave, as the model is told."""
    return f"{name} returned:\n{text}"


def _answer(offers: Sequence[Offer], reply: str) -> str:
    return f"The text of {reply} is" if offers else "Answer with"


def _line(offer: Offer) -> str:
    if offer.kind == "custom":
        about = "its text is written plainly, not as JSON"
        if offer.grammar is not None:
            about += f", and matches this {offer.grammar.syntax} grammar: {offer.grammar.definition}"
        return f"- {offer.name}(text): {offer.description}\n    text: {about}"
    schema = offer.parameters
    members = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(members, dict):
        return f"- {offer.name}(arguments: {_json(schema or {})}): {offer.description}"
    needed = schema.get("required") or ()
    line = f"- {offer.name}({_members(members, needed)}): {offer.description}"
    for name, member in members.items():
        if isinstance(member, dict) and member.get("description"):
            line += f"\n    {name}: {member['description']}"
    shared = {key: schema[key] for key in ("$defs", "definitions") if key in schema}
    return line if not shared else f"{line}\n    where {_json(shared)}"


def _members(members: dict[str, JSON], needed: Sequence[str]) -> str:
    return ", ".join(f"{name}{'' if name in needed else '?'}: {_kind(kind)}" for name, kind in members.items())


def _kind(schema: JSON) -> str:
    """A schema as a short type, or itself where it says more than one."""
    if not isinstance(schema, dict):
        return "any"
    said = schema.keys() - {"description", "title", "default", "additionalProperties"}
    match schema:
        case {"enum": [*values]} if said <= {"type", "enum"}:
            return " | ".join(_json(value) for value in values)
        case {"type": str(kind)} if said == {"type"}:
            return kind
        case {"type": "array", "items": items} if said == {"type", "items"}:
            return f"list of ({_kind(items)})"
        case {"type": "object", "properties": dict(members)} if said <= {"type", "properties", "required"}:
            return "{" + _members(members, schema.get("required") or ()) + "}"
        case _:
            return _json({key: value for key, value in schema.items() if key != "description"})


def _json(value: JSON) -> str:
    return msgspec.json.encode(value).decode()
