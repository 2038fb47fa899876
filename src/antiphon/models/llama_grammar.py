"""What the decoder may write: from offers, choice and format to one grammar, and the words that frame it.

Knows nothing of the engine that runs the grammar, nor of how the prompt tells of the tools.

An answer where tools are offered begins with a line that names one of them, or `reply`. Then come
the arguments as JSON on one line, a custom tool's text, or the text for the user. A further call is
a further line. What is certain beforehand is put into the model's mouth (`opening`) and is no part
of the grammar.
"""

import re
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from antiphon.core.items import JSON
from antiphon.core.offers import Choice, Grammar, Offer
from antiphon.core.problems import Problem
from antiphon.core.prompt import Prompt
from antiphon.core.request import Format, JsonObjectFormat, JsonSchemaFormat, NamedChoice, TextFormat
from antiphon.models.llama_schema import Enforceable, Unusable, byte_tokens, enforceable, frame

MOST_CALLS = 8
"""Calls of one turn, so that a list of them ends."""

REPLY = "reply"
"""The name under which text is an answer like a call."""

HEAD = "%llguidance {}\n"
"""What tells the engine which kind of grammar follows."""

ANY_OBJECT: JSON = {"type": "object"}

_TEXT = r"TEXT: /(.|\n)+/"


class BadGrammar(Exception):
    """A custom tool's grammar that can't be used, and why."""


class Plan(Struct, frozen=True, kw_only=True):
    """How one answer is decoded and read.

    opening
        what is put into the model's mouth.
    grammar
        what all that follows has to match; None leaves it free.
    reply
        the word that stands before text for the user; None where all is text.
    callable
        the offers by name, as they may be called.
    text
        the schema of the text; None for plain text.
    """

    opening: str = ""
    grammar: str | None = None
    reply: str | None = None
    callable: dict[str, Offer] = {}
    text: JSON | None = None


def plan(prompt: Prompt) -> Plan:
    """How the answer to a prompt is to be decoded.

    Raises `Problem` 400 where a schema or grammar can't be used; what a request brings itself has been
    refused with its place before (`llama_check`).
    """
    try:
        return _planned(prompt)
    except Unusable as fault:
        raise Problem(400, "invalid_json_schema", f"A schema can't be used: {fault.pointer}: {fault}") from None
    except BadGrammar as fault:
        raise Problem(400, "invalid_value", f"A grammar can't be used: {fault}", param="tools") from None


def arguments(offer: Offer) -> Enforceable:
    """The schema of a function's arguments, as far as it is enforced. Raises `Unusable`."""
    schema = offer.parameters
    if schema is None:
        return Enforceable(ANY_OBJECT)
    if isinstance(schema, dict) and "type" not in schema:
        schema = {"type": "object", **schema}
    found = enforceable(schema)
    if not isinstance(found.schema, dict) or found.schema.get("type") != "object":
        raise Unusable("#/type", "arguments are an object")
    return found


def text_schema(form: Format) -> Enforceable | None:
    """The schema of the text, as far as it is enforced; None for plain text. Raises `Unusable`."""
    match form:
        case TextFormat():
            return None
        case JsonObjectFormat():
            return Enforceable(ANY_OBJECT)
        case JsonSchemaFormat(schema=schema):
            return enforceable(ANY_OBJECT if schema is None else schema)


def input_rules(grammar: Grammar | None) -> str:
    """The rules of a custom tool's input. Raises `BadGrammar`."""
    match grammar:
        case None:
            return f"start: TEXT\n{_TEXT}"
        case Grammar(syntax="lark", definition=rules):
            pass
        case Grammar(syntax="regex", definition=pattern):
            rules = f"start: INPUT\nINPUT: /{_whole(pattern)}/"
        case _:
            raise BadGrammar(f"its syntax is '{grammar.syntax}', not 'lark' or 'regex'")
    _check(rules)
    return rules


def reply_word(offers: Sequence[Offer]) -> str:
    """The word for text, which no offer may have."""
    word = REPLY
    while any(offer.name == word for offer in offers):
        word += "_"
    return word


def _planned(prompt: Prompt) -> Plan:
    schema = text_schema(prompt.text.format)
    text = None if schema is None else schema.schema
    if not prompt.offers:
        return Plan(grammar=None if text is None else HEAD + f"start: {_json(text)}", text=text)
    reply = reply_word(prompt.offers)
    named = callable_offers(prompt.offers, prompt.choice)
    if not named:
        grammar = None if text is None else HEAD + f"start: {_json(text)}"
        return Plan(opening=f"{reply}\n", grammar=grammar, reply=reply, text=text)
    offers = {offer.name: offer for offer in named}
    forced = prompt.choice.mode == "required"
    if forced and len(named) == 1 and (isinstance(prompt.tool_choice, NamedChoice) or not prompt.parallel_tool_calls):
        only = HEAD + _alone(named[0])
        return Plan(opening=f"{named[0].name}\n", grammar=only, reply=reply, callable=offers, text=text)
    lines = _calls(named, MOST_CALLS if prompt.parallel_tool_calls else 1)
    if forced:
        lines.insert(0, "start: calls")
    else:
        lines.insert(0, f"start: {_word(reply)} reply | calls")
        lines.append("reply: " + ("TEXT" if text is None else _json(text)))
    grammar = HEAD + "\n".join([*lines, _TEXT])
    return Plan(grammar=grammar, reply=reply, callable=offers, text=text)


def callable_offers(offers: Sequence[Offer], choice: Choice) -> list[Offer]:
    """The offers that may be called."""
    return [] if choice.mode == "none" else [offer for offer in offers if offer.name in choice.names]


def _alone(offer: Offer) -> str:
    if offer.kind == "custom":
        return input_rules(offer.grammar)
    return f"start: {_json(arguments(offer).schema)}"


def _calls(offers: Sequence[Offer], most: int) -> list[str]:
    """Rules for one call or several. A custom tool's text has no end but the answer's: it is the last."""
    functions = [offer for offer in offers if offer.kind != "custom"]
    customs = [offer for offer in offers if offer.kind == "custom"]
    lines = []
    if functions:
        lines.append("call: " + " | ".join(f"{_word(offer.name)} f{n}" for n, offer in enumerate(functions)))
        lines += [f"f{n}: {_json(arguments(offer).schema)}" for n, offer in enumerate(functions)]
    if customs:
        lines.append("last: " + " | ".join(f"{_word(offer.name)} c{n}" for n, offer in enumerate(customs)))
        lines += [f"c{n}: {_nested(offer)}" for n, offer in enumerate(customs)]
    before = f'(call "\\n"){{0,{most - 1}}} ' if functions and most > 1 else ""
    # Without the last newline a model that ends its lines would have to go on calling.
    ends = [*(['call "\\n"?'] if functions else []), *(["last"] if customs else [])]
    end = f"({' | '.join(ends)})"
    return [f"calls: {before}{end}", *lines]


def _nested(offer: Offer) -> str:
    return "TEXT" if offer.grammar is None else "%lark {\n" + input_rules(offer.grammar) + "\n}"


def _word(name: str) -> str:
    """A line of its own, as a literal."""
    return msgspec.json.encode(f"{name}\n").decode()


def _json(schema: JSON) -> str:
    return "%json " + msgspec.json.encode(frame(schema)).decode()


def _whole(pattern: str) -> str:
    """A regular expression as a terminal: the whole has to match, and slashes are escaped."""
    pattern = pattern.removeprefix("^")
    if re.search(r"(?<!\\)(?:\\\\)*\$\Z", pattern):
        pattern = pattern[:-1]
    return re.sub(r"(\\.)|/", lambda found: found[1] or r"\/", f"(?:{pattern})", flags=re.DOTALL)


def _check(rules: str) -> None:
    """Raises `BadGrammar` for rules that don't compile, alone and inside others, or that never come to an end."""
    from llguidance import LLMatcher

    for grammar in (HEAD + rules, HEAD + "start: %lark {\n" + rules + "\n}"):
        if said := LLMatcher.validate_grammar(grammar):
            raise BadGrammar(said.partition("\n")[0].partition(": ")[2] or said)
    matcher = LLMatcher(byte_tokens(), HEAD + rules, log_level=0)
    if not (matcher.is_accepting() or any(matcher.compute_logit_bias()[:256])):
        raise BadGrammar("nothing matches it")
