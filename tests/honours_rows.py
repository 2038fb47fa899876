"""The rows of contracts §D: each a request that asks for it, and how it is seen to be done.

Knows nothing of what any kind of model does with them: that is a column of `test_what_models_honour.py`.
"""

import base64
from collections.abc import Mapping
from typing import Any

from tests import honours as h
from tests.tools.made_pdf import made

UNHELD: Any = h.SCHEMA | {"properties": {"word": {"enum": ["red"]}, "all": {"type": "array", "uniqueItems": True}}}
TELL: Any = {"type": "function", "name": "tell", "parameters": h.SCHEMA, "strict": True}
CLOCK: Any = {"type": "function", "name": "clock", "parameters": {"type": "object", "properties": {}}}
SPACE: Any = {"type": "namespace", "name": "crm", "description": "Customers.", "tools": [{**CLOCK, "name": "find"}]}


UPDATE: Any = {
    "type": "configuration_update",
    "text": {"format": {"type": "json_schema", "name": "n", "schema": h.SCHEMA, "strict": True}},
}
APPROVED: Any = [
    {"type": "mcp_approval_request", "id": "mcpr_1", "server_label": "s", "name": "n", "arguments": "{}"},
    {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True},
]


def formed(**form: Any) -> h.Ask:
    return {"text": {"format": form}, "max_output_tokens": 40}


def tools(*offered: Any, choice: Any = "required", bound: int = 48, **more: Any) -> h.Ask:
    return {"tools": list(offered), "tool_choice": choice, "max_output_tokens": bound, **more}


def allowed(mode: str, *kinds: Any) -> Any:
    return {"type": "allowed_tools", "mode": mode, "tools": list(kinds)}


def custom(name: str, form: Any = None) -> Any:
    return {"type": "custom", "name": name} | ({} if form is None else {"format": {"type": "grammar"} | form})


def seen(part: Any) -> h.Ask:
    return {"input": [{"role": "user", "content": [{"type": "input_text", "text": "Look:"}, part]}]}


def file(name: str, data: bytes, kind: str) -> h.Ask:
    return seen(
        {"type": "input_file", "filename": name, "file_data": f"data:{kind};base64,{base64.b64encode(data).decode()}"}
    )


def own(kind: str, **given: Any) -> h.Row:
    """A tool that the client runs, behind calls of it for the model to follow: alone it writes on for too long."""
    past: list[Any] = []
    for number in range(2):
        call = {"type": f"{kind}_call", "call_id": f"c{number}", "status": "completed", **given}
        past += [{"role": "user", "content": "Do it."}, call]
    asked = tools({"type": kind}, bound=200, parallel_tool_calls=False)
    return h.Row(asked | {"input": [*past, {"role": "user", "content": "Do it."}]}, h.its_own_item)


def hosted(kind: str, **more: Any) -> dict[str, h.Row]:
    """A tool that a server runs: offered beside another, and forced."""
    tool = {"type": kind, **more}
    return {
        kind: h.Row(tools(TELL, tool, choice="none", bound=8), h.answered, h.no_call),
        f"{kind}, forced": h.Row(tools(TELL, tool, choice={"type": kind, "server_label": "s"}), h.answered),
    }


_PICTURE = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

ROWS: Mapping[str, h.Row] = {
    "temperature": h.Row({"temperature": 0}, h.temperature),
    "top_p": h.Row({"temperature": 2, "top_p": 0}, h.greedy),
    "presence_penalty": h.Row({"presence_penalty": 2}, h.different),
    "frequency_penalty": h.Row({"frequency_penalty": 2}, h.different),
    "max_output_tokens": h.Row({"max_output_tokens": 3}, h.cut),
    "top_k": h.Row({"temperature": 2, "top_k": 1}, h.greedy),
    "top_logprobs": h.Row({"top_logprobs": 2, "include": ["message.output_text.logprobs"]}, h.logprobs),
    "text.format json_schema": h.Row(formed(type="json_schema", name="n", schema=h.SCHEMA, strict=True), h.in_form),
    "text.format json_object": h.Row(formed(type="json_object"), h.an_object),
    "a schema that can't be held": h.Row(formed(type="json_schema", name="n", schema=UNHELD), h.answered),
    "a schema that can't be held, strict": h.Row(
        formed(type="json_schema", name="n", schema=UNHELD, strict=True), h.answered
    ),
    "a format that nobody knows": h.Row(
        formed(type="json_schema", name="n", schema={"enum": ["red"], "format": "colour"}, strict=True), h.in_form
    ),
    "text.verbosity": h.Row({"text": {"verbosity": "low"}}, h.answered),
    "reasoning.effort": h.Row({"reasoning": {"effort": "low"}}, h.thought),
    "reasoning.summary": h.Row({"reasoning": {"summary": "auto"}}, h.answered),
    "reasoning.context": h.Row({"reasoning": {"context": "all_turns"}}, h.answered),
    "reasoning.mode": h.Row({"reasoning": {"mode": "pro"}}, h.answered),
    "tools function": h.Row(tools(TELL), h.called("tell")),
    "tool_choice none": h.Row(tools(TELL, choice="none", bound=12), h.only_text),
    "tool_choice auto": h.Row(tools(TELL, CLOCK, choice="auto", bound=24), h.text_or_call),
    "tool_choice required": h.Row(tools(TELL, CLOCK), h.called("tell", "clock")),
    "tool_choice function": h.Row(tools(TELL, CLOCK, choice={"type": "function", "name": "clock"}), h.called("clock")),
    "tool_choice custom": h.Row(
        tools(TELL, custom("note"), choice={"type": "custom", "name": "note"}, bound=24), h.called("note")
    ),
    "tool_choice allowed_tools auto": h.Row(
        tools(TELL, CLOCK, choice=allowed("auto", {"type": "function", "name": "tell"}), bound=24), h.text_or_call
    ),
    "tool_choice allowed_tools required": h.Row(
        tools(TELL, CLOCK, choice=allowed("required", {"type": "function", "name": "clock"})), h.called("clock")
    ),
    "parallel_tool_calls": h.Row(tools(TELL, CLOCK, parallel_tool_calls=False), h.one_call),
    "strict": h.Row(tools(TELL | {"parameters": UNHELD}), h.answered),
    "tools custom": h.Row(tools(custom("note"), choice={"type": "custom", "name": "note"}, bound=12), h.written),
    "tools custom, grammar lark": h.Row(
        tools(
            custom("note", {"syntax": "lark", "definition": 'start: "a" b\nb: "ä}"'}),
            choice={"type": "custom", "name": "note"},
        ),
        h.matching("aä}"),
    ),
    "tools custom, grammar regex": h.Row(
        tools(custom("note", {"syntax": "regex", "definition": "x{3}/"}), choice={"type": "custom", "name": "note"}),
        h.matching("xxx/"),
    ),
    "tools namespace": h.Row(tools(SPACE, choice={"type": "function", "name": "find"}), h.in_namespace),
    "tools tool_search": own("tool_search", arguments={"query": "mail"}),
    "tools shell": own("shell", action={"commands": ["ls"]}),
    "tools local_shell": own("local_shell", action={"type": "exec", "command": ["ls"], "env": {}}),
    "tools apply_patch": own("apply_patch", operation={"type": "delete_file", "path": "a.txt"}),
    **hosted("web_search"),
    **hosted("file_search", vector_store_ids=["vs_1"]),
    **hosted("code_interpreter", container={"type": "auto"}),
    **hosted("mcp", server_label="s", server_url="https://example.com/mcp"),
    **hosted("image_generation"),
    **hosted("computer_use_preview", display_width=9, display_height=9, environment="browser"),
    "input_image": h.Row(seen({"type": "input_image", "image_url": _PICTURE}), h.answered),
    "input_file, text": h.Row(file("a.txt", b"The code is 7301. " * 9, "text/plain"), h.read),
    "input_file, PDF": h.Row(
        file("a.pdf", made("The code is 7301, and it is written here in many words. " * 2), "application/pdf"), h.read
    ),
    "input_file, another": h.Row(file("a.bin", bytes(range(256)), "application/octet-stream"), h.answered),
    "truncation": h.Row({"truncation": "auto"}, h.shortened),
    "context_management": h.Row(
        {"context_management": [{"type": "compaction", "compact_threshold": 1000}]}, h.answered
    ),
    "max_tool_calls": h.Row({"max_tool_calls": 1}, h.echoed),
    "configuration_update": h.Row(
        {"input": [UPDATE, {"role": "user", "content": "Which?"}], "max_output_tokens": 40}, h.in_form_that_was_set
    ),
    "mcp_approval_response": h.Row({"input": [*APPROVED, {"role": "user", "content": "Go on."}]}, h.answered),
    "store": h.Row({"store": True}, h.kept),
    "previous_response_id": h.Row({}, h.continued),
    "background": h.Row({"background": True, "store": True}, h.in_background),
    "conversation": h.Row({"store": True}, h.in_conversation),
    "metadata": h.Row({"metadata": {"a": "b"}}, h.echoed),
    "user": h.Row({"user": "u"}, h.echoed),
    "safety_identifier": h.Row({"safety_identifier": "s"}, h.echoed),
    "prompt": h.Row({}, h.of_a_prompt),
    "include": h.Row({"include": ["reasoning.encrypted_content"]}, h.sealed),
    "prompt_cache_key": h.Row({"prompt_cache_key": "k"}, h.from_cache),
    "prompt_cache_options": h.Row({"prompt_cache_options": {"ttl": "1h"}}, h.answered),
    "prompt_cache_retention": h.Row({"prompt_cache_retention": "24h"}, h.answered),
    "service_tier default": h.Row({"service_tier": "default"}, h.echoed),
    "service_tier": h.Row({"service_tier": "priority"}, h.answered, h.ordinary),
    "moderation": h.Row({"moderation": {"model": "m"}}, h.answered),
    "access_programs": h.Row({"access_programs": ["p"]}, h.answered),
    "image": h.Row({"image": {"context_compression": "none"}}, h.answered),
    "stream_options.include_obfuscation": h.Row(
        {"stream": True, "stream_options": {"include_obfuscation": True}}, h.padded
    ),
    **{
        name: h.Row({name: value}, h.answered)
        for name, value in {
            "seed": 1,
            "stop": ["la"],
            "logit_bias": {"1": 5},
            "n": 2,
            "messages": [{"role": "user", "content": "Hi"}],
            "response_format": {"type": "json_object"},
            "max_tokens": 5,
        }.items()
    },
}
"""By name; every row of the table stands here, and what its last paragraph says of schemas."""
