from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.models.gguf import chat_template
from tests.models.thinker import OPENS, thinker


def test_the_template_of_a_real_file(small_model: Path) -> None:
    template = chat_template(small_model)
    assert template.startswith("{% for message in messages %}") and template.endswith("{% endif %}")
    with thinker(small_model, OPENS) as path:
        assert chat_template(path).startswith(OPENS)


@pytest.mark.parametrize("content", [b"", b"GG", b"GGUF", b"GGUF\x03\0\0\0 without a template", b"tokenizer"])
def test_a_file_without_one_has_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.gguf"
    assert chat_template(path) == "" == chat_template(tmp_path)
    path.write_bytes(content)
    assert chat_template(path) == ""


@given(st.integers(0, 2**64 - 1), st.binary(max_size=40))
def test_a_file_that_lies_is_read_as_far_as_it_goes(
    tmp_path_factory: pytest.TempPathFactory, n: int, rest: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "liar.gguf"
    key = b"tokenizer.chat_template"
    entry = len(key).to_bytes(8, "little") + key + b"\x08\0\0\0" + n.to_bytes(8, "little")
    path.write_bytes(b"GGUF" + entry + rest)
    assert chat_template(path) == rest[:n].decode(errors="replace")
