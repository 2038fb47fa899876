"""The text of PDFs, read in a process of its own; what can't be read is refused."""

import io
import sys

import pytest
from pypdf import PdfReader, PdfWriter

from antiphon.core.problems import Problem
from antiphon.tools.pdf import PdfLimits, pdf_text
from tests.tools.made_pdf import bomb, made

pytestmark = pytest.mark.anyio

PARAM = "input[0].content[0].file_data"


async def refused(data: bytes, code: str, limits: PdfLimits | None = None) -> str:
    with pytest.raises(Problem) as caught:
        await pdf_text(data, param=PARAM, limits=limits)
    assert (caught.value.status, caught.value.code, caught.value.param) == (400, code, PARAM)
    return caught.value.message


def locked(password: str) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(made("The answer is 42."))))
    writer.encrypt(password, owner_password=f"{password}owner", algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


async def test_the_pages_of_a_pdf_come_in_order() -> None:
    assert await pdf_text(made("The answer", "is 42."), param=PARAM) == "The answer\n\nis 42."


async def test_a_pdf_that_opens_without_a_password_is_read_and_another_refused() -> None:
    assert await pdf_text(locked(""), param=PARAM) == "The answer is 42."
    assert "password" in await refused(locked("secret"), "unsupported_value")


async def test_a_pdf_without_text_is_refused() -> None:
    assert "no text" in await refused(made(""), "unsupported_value")


@pytest.mark.parametrize("data", [b"%PDF-1.7\nrubbish", made("cut")[:200]])
async def test_a_broken_pdf_is_refused(data: bytes) -> None:
    await refused(data, "invalid_value")


async def test_a_pdf_that_takes_too_long_is_left() -> None:
    assert "seconds" in await refused(made("slow"), "invalid_value", PdfLimits(seconds=0.001))


async def test_a_pdf_that_unpacks_to_more_than_the_memory_is_refused() -> None:
    await refused(bomb(400 << 20), "invalid_value", PdfLimits(memory=256 << 20))


async def test_long_text_ends_where_the_bound_is() -> None:
    text = await pdf_text(made(*["word " * 20] * 20), param=PARAM, limits=PdfLimits(characters=500))
    assert 400 <= len(text) <= 502


async def test_a_server_without_pypdf_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypdf", None)
    assert "pip install antiphon[files]" in await refused(made("text"), "unsupported_value")
