"""Codecs: the ways in which contracts take and tell the same thing, by name (contracts §A).

Knows nothing of which contract uses which: a contract's TOML chooses.
"""

from collections.abc import Callable
from uuid import UUID

from antiphon.contract import answers, inputs, outputs
from antiphon.contract.answers import ResponseStep
from antiphon.contract.decode import RequestStep
from antiphon.contract.errors import ErrorAnswer, detail, envelope, envelope_or_plain
from antiphon.contract.outputs import ItemStep
from antiphon.core.problems import Problem

Header = tuple[bytes, bytes]
ErrorCodec = Callable[[Problem], ErrorAnswer]
HeaderCodec = Callable[[str], Header]
"""A header of the answer to `POST /responses`, from the request's id."""


def inference_id(request_id: str) -> Header:
    """The request's id in the form of a UUID (contracts §B row 48)."""
    digits = request_id.rpartition("_")[2]
    return b"inference-id", str(UUID(hex=f"{digits:0<32.32}")).encode()


ERRORS: dict[str, ErrorCodec] = {"envelope": envelope, "envelope_or_plain": envelope_or_plain, "detail": detail}
HEADERS: dict[str, HeaderCodec] = {"inference_id": inference_id}
REQUESTS: dict[str, RequestStep] = {
    step.__name__: step
    for step in (
        inputs.text_parts,
        inputs.native_kinds,
        inputs.any_metadata,
        inputs.unset_sampling,
        inputs.any_tools,
    )
}
RESPONSES: dict[str, ResponseStep] = {
    step.__name__: step
    for step in (
        answers.nested_format,
        answers.no_format_schema,
        answers.usage_or_zeros,
        answers.usage_when_known,
        answers.usage_with_seconds,
        answers.usage_in_both_names,
        answers.given_tool_keys,
        answers.own_tool_kinds,
        answers.as_asked,
    )
}
ITEMS: dict[str, ItemStep] = {
    step.__name__: step
    for step in (outputs.two_statuses, outputs.reasoning_content, outputs.refusal_as_text, outputs.own_kinds)
}
