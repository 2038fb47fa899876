"""Templates: prompts that are kept, in versions that never change, and how a request is made of one (`/prompts`).

Knows nothing of a contract, nor of how anything is kept. (`core.prompt` is what a model sees.)
"""

import re
from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import Protocol

from msgspec import Struct

from antiphon.core.items import JSON
from antiphon.core.problems import Problem
from antiphon.core.wire import encode

FIELDS = (
    "model",
    "instructions",
    "input",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "max_tool_calls",
    "max_output_tokens",
    "temperature",
    "top_p",
    "top_logprobs",
    "reasoning",
    "text",
    "truncation",
)
"""What of a create request a prompt may say."""

MOST = 2**31
"""No version has such a number."""

_PLACE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
_PARTS = {"input_text", "input_image", "input_file"}

_MOST_TOLD = 16
"""Names of variables that a message has room for, and the characters of one."""
_LONGEST_TOLD = 64


class Template(Struct, kw_only=True, frozen=True):
    """One version of a prompt. `fields` are those of a create request, as they were given; times are unix seconds."""

    id: str
    version: int
    created_at: int
    name: str | None = None
    fields: JSON = {}


class Templates(Protocol):
    """The memory of prompts. What belongs to another project does not exist; what is kept never changes."""

    async def keep_prompt(self, project: str, template: Template) -> bool:
        """Keep a version: the first of a prompt, or the one after its newest. False where it is neither."""
        ...

    async def prompt(self, project: str, prompt_id: str, version: int | None) -> Template | None:
        """That version, or the newest; None where there is none."""
        ...

    async def prompts(self, project: str) -> list[Template]:
        """The newest version of each, the prompt that was made last first (by id)."""
        ...

    async def prompt_versions(self, project: str, prompt_id: str) -> list[Template]:
        """Every version, the newest first."""
        ...

    async def forget_prompt(self, project: str, prompt_id: str) -> bool:
        """Forget every version. False where there was none."""
        ...


def variables(fields: Mapping[str, JSON]) -> list[str]:
    """The names of the variables that a prompt has, each once: `{{name}}` in its instructions or its messages."""
    texts = map(_text_in, [fields.get("instructions"), *_holders(fields.get("input"))])
    return list(dict.fromkeys(name for text in texts if text is not None for name in _PLACE.findall(text)))


def filled(template: Template, body: Mapping[str, JSON], given: Mapping[str, JSON], *, most: int) -> dict[str, JSON]:
    """The body of a request that is made of a prompt: the request's own fields count more, and its input comes behind
    the prompt's. `given` are the variables: texts, or parts of a message.

    Raises `Problem` 400, its param below `prompt.variables`, and 413 where they fill more than `most` bytes.
    """
    names = dict.fromkeys(variables(template.fields))
    for name in names:
        if given.get(name) is None:
            message = f"Missing required parameter: the prompt has a variable '{_short(name)}'."
            raise Problem(400, "missing_required_parameter", message, param=_param(name))
    for name, value in given.items():
        _check(name, value, names)
    asked = {key: value for key, value in body.items() if value is not None}
    instructions = None if "instructions" in asked else template.fields.get("instructions")
    _check_size([instructions, *_holders(template.fields.get("input"))], given, most)
    found = {**template.fields, **asked}
    if isinstance(instructions, str):
        found["instructions"] = _text(instructions, given)
    before = template.fields.get("input")
    if before:
        own = asked.get("input") or []
        items = [_item(item, given) for item in _items(before)]
        found["input"] = [*items, *_items(own)] if isinstance(own, str | list) else own
    return found


def _check(name: str, value: JSON, names: Collection[str]) -> None:
    param = _param(name)
    if name not in names:
        there = ", ".join(f"'{_short(one)}'" for one in islice(names, _MOST_TOLD)) or "none"
        more = f", and {len(names) - _MOST_TOLD} more" if len(names) > _MOST_TOLD else ""
        message = f"The prompt has no variable '{_short(name)}'. It has: {there}{more}."
        raise Problem(400, "invalid_value", message, param=param)
    is_part = isinstance(value, dict) and value.get("type") in _PARTS
    if not isinstance(value, str) and not (is_part and (value["type"] != "input_text" or _as_text(value) is not None)):
        message = f"Invalid value for '{param}': a text, or a part of type 'input_text', 'input_image' or 'input_file'."
        raise Problem(400, "invalid_type", message, param=param)


def _param(name: str) -> str:
    return f"prompt.variables.{_short(name)}"


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_TOLD else name[:_LONGEST_TOLD] + "…"


def _check_size(holders: Iterable[JSON], given: Mapping[str, JSON], most: int) -> None:
    """Raises `Problem` 413 where a variable stands so often that what is made of it has more than `most` bytes."""
    sizes: dict[str, int] = {}
    filled_in = 0
    for holder in holders:
        found = _PLACE.findall(_text_in(holder) or "")
        if found and isinstance(holder, dict):  # what is not its text stands beside each piece
            filled_in += len(found) * len(encode(holder | {"text": ""}))
        for name in found:
            if name not in sizes:
                sizes[name] = len(encode(given[name]))
            filled_in += sizes[name]
    if filled_in > most:
        message = f"The prompt becomes larger than {most} bytes with these variables, the most that is taken."
        raise Problem(413, "request_too_large", message, param="prompt.variables")


def _items(input: JSON) -> list[JSON]:
    return [{"role": "user", "content": input}] if isinstance(input, str) else input


def _holders(input: JSON) -> list[JSON]:
    """Where in an input variables may stand: a message's text, or each of its parts."""
    found: list[JSON] = []
    for item in _items(input or []):
        content = item.get("content") if isinstance(item, dict) else None
        found += content if isinstance(content, list) else [content]
    return found


def _text_in(holder: JSON) -> str | None:
    text = holder.get("text") if isinstance(holder, dict) else holder
    return text if isinstance(text, str) else None


def _item(item: JSON, given: Mapping[str, JSON]) -> JSON:
    """An item with its variables filled in; content of a text only becomes parts where a variable is one."""
    content = item.get("content") if isinstance(item, dict) else None
    if isinstance(content, str):
        if all(_as_text(given[name]) is not None for name in _PLACE.findall(content)):
            return item | {"content": _text(content, given)}
        return item | {"content": _parts({"type": "input_text", "text": content}, given)}
    if isinstance(content, list):
        return item | {"content": [filled_in for part in content for filled_in in _parts(part, given)]}
    return item


def _parts(part: JSON, given: Mapping[str, JSON]) -> list[JSON]:
    """A part with its variables filled in: text around a picture or a file becomes a part of its own."""
    text = part.get("text") if isinstance(part, dict) else None
    if not isinstance(text, str) or not _PLACE.search(text):
        return [part]
    found: list[JSON] = []
    words: list[str] = []
    for place, piece in enumerate(_PLACE.split(text)):  # text, name, text, name, text
        value = given[piece] if place % 2 else piece
        said = _as_text(value)
        if said is not None:
            words.append(said)
            continue
        found += [*_said(part, words), value]
        words = []
    return [*found, *_said(part, words)] or [part | {"text": ""}]


def _said(part: JSON, words: list[str]) -> list[JSON]:
    """A part with these words in place of its text; none where they say nothing."""
    text = "".join(words)
    return [part | {"text": text}] if text else []


def _text(text: str, given: Mapping[str, JSON]) -> str:
    def value(match: re.Match[str]) -> str:
        words = _as_text(given[match[1]])
        if words is None:
            param = _param(match[1])
            message = f"Invalid value for '{param}': it stands in the instructions, which are a text."
            raise Problem(400, "invalid_type", message, param=param)
        return words

    return _PLACE.sub(value, text)


def _as_text(value: JSON) -> str | None:
    """The text of a variable that is one."""
    if isinstance(value, dict):
        return value["text"] if value.get("type") == "input_text" and isinstance(value.get("text"), str) else None
    return value if isinstance(value, str) else None
