"""What an upstream's answer was asked to be, and whether it is: for servers that enforce less than they take.

Knows nothing of how the answer came. A text format under `strict`, the grammar of a custom tool and a call that was
required are looked at when the model says that it is done; what a limit cut is not.
"""

import json
from collections.abc import Iterable

import msgspec

from antiphon.core import deltas as d
from antiphon.core.offers import Grammar
from antiphon.core.problems import Problem
from antiphon.core.prompt import Prompt
from antiphon.core.request import Format, JsonObjectFormat, JsonSchemaFormat
from antiphon.models.llama_grammar import HEAD, BadGrammar, input_rules
from antiphon.models.llama_schema import byte_tokens, validator


class AnswerCheck:
    """Follows one turn. `feed` what is said; it raises `Problem` 500 `model_error` where that is not what was asked."""

    def __init__(self, prompt: Prompt) -> None:
        self._format = prompt.text.format if _bound(prompt.text.format) else None
        self._grammars = {
            offer.name: offer.grammar for offer in prompt.offers if offer.kind == "custom" and offer.grammar is not None
        }
        self._required = prompt.choice.mode == "required"
        self._text: list[str] = []
        self._called = self._refused = False
        self._grammar: Grammar | None = None
        self._input: list[str] = []

    @staticmethod
    def wanted(prompt: Prompt) -> bool:
        """Whether anything of a prompt's answer is to be looked at."""
        return (
            prompt.choice.mode == "required"
            or _bound(prompt.text.format)
            or any(offer.grammar is not None for offer in prompt.offers)
        )

    def feed(self, deltas: Iterable[d.Delta]) -> None:
        """Look at what is said. Calls are as the model knows them: by flat names, with arguments as JSON."""
        for delta in deltas:
            match delta:
                case d.TextDelta(text=text):
                    if self._format is not None:
                        self._text.append(text)
                case d.RefusalDelta():
                    self._refused = True
                case d.CallBegun(name=name) | d.CustomBegun(name=name):
                    self._end_input()
                    self._called = True
                    self._grammar = self._grammars.get(name) if isinstance(delta, d.CallBegun) else None
                case d.CallDelta(text=text):
                    if self._grammar is not None:
                        self._input.append(text)
                case d.Stop(reason="stop"):
                    self._end()

    def _end(self) -> None:
        self._end_input()
        if self._required and not (self._called or self._refused):
            raise _broken("it calls no tool, and 'tool_choice' requires one")
        text, self._text = "".join(self._text), []
        if self._format is not None and text and not _fits(text, self._format):
            raise _broken("its text does not fit 'text.format'")

    def _end_input(self) -> None:
        grammar, self._grammar = self._grammar, None
        if grammar is None:
            return
        given, self._input = "".join(self._input), []
        try:
            value = msgspec.json.decode(given)
        except msgspec.DecodeError:
            value = None
        text = value.get("input") if isinstance(value, dict) else None
        if not isinstance(text, str) or not matches(text, grammar):
            raise _broken("the input of a custom tool does not match its grammar")


def matches(text: str, grammar: Grammar) -> bool:
    """Whether a text matches a custom tool's grammar. One that can't be used matches nothing."""
    from llguidance import LLMatcher

    try:
        rules = input_rules(grammar)
    except BadGrammar:
        return False
    matcher = LLMatcher(byte_tokens(), HEAD + rules, log_level=0)
    data = list(text.encode())
    return bool(matcher.try_consume_tokens(data) == len(data) and matcher.is_accepting())


def _bound(form: Format) -> bool:
    """Whether a format is a promise: under a schema that is not strict the model only tries."""
    return isinstance(form, JsonObjectFormat) or (isinstance(form, JsonSchemaFormat) and form.strict is True)


def _fits(text: str, form: Format) -> bool:
    try:
        value = json.loads(text)  # it takes integers of any length, as JSON does
    except (ValueError, RecursionError):
        return False
    if isinstance(form, JsonSchemaFormat):
        return form.schema is None or validator(form.schema).is_valid(value)
    return isinstance(value, dict)


def _broken(what: str) -> Problem:
    return Problem(500, "model_error", f"The model's answer is not what was asked: {what}.")
