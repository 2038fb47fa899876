"""Pictures by their first bytes, and the codes of protocol §3.1 for what is none."""

import base64

import pytest

from antiphon.core.problems import Problem
from antiphon.tools.encoded import Blob
from antiphon.tools.pictures import LARGEST, Picture, from_url, picture

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"
GIF = b"GIF89a\x01\x00\x01\x00"
WEBP = b"RIFF\x24\x00\x00\x00WEBPVP8 "
PARAM = "input[0].content[1].image_url"


def url(data: bytes, media_type: str = "image/png") -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


@pytest.mark.parametrize(
    ("data", "kind"), [(PNG, "image/png"), (JPEG, "image/jpeg"), (GIF, "image/gif"), (WEBP, "image/webp")]
)
@pytest.mark.parametrize("told", ["image/png", "image/jpg", "application/octet-stream", ""])
def test_a_picture_is_what_its_bytes_say(data: bytes, kind: str, told: str) -> None:
    found = from_url(url(data, told), param=PARAM)
    assert found == Picture(kind, data)
    assert from_url(found.url, param=PARAM) == found


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (url(b""), "empty_image_file"),
        (url(b"no picture"), "invalid_image_format"),
        (url(b"%PDF-1.7", "application/pdf"), "invalid_image_format"),
        (url(b"BM....", "image/bmp"), "unsupported_image_media_type"),
        (url(b"<svg/>", "image/svg+xml"), "unsupported_image_media_type"),
        (url(PNG)[:-7] + "!", "invalid_base64_image"),
        ("data:image/png;base64", "invalid_image_url"),
        ("picture.png", "invalid_image_url"),
        ("file:///etc/passwd", "invalid_image_url"),
        ("", "invalid_image_url"),
        (url(PNG + bytes(LARGEST)), "image_file_too_large"),
    ],
)
def test_what_is_no_picture_is_refused_with_its_code(given: str, code: str) -> None:
    with pytest.raises(Problem) as caught:
        from_url(given, param=PARAM)
    assert (caught.value.status, caught.value.code, caught.value.param) == (400, code, PARAM)
    assert len(caught.value.message) < 300


def test_a_picture_of_just_the_bound_is_taken() -> None:
    largest = PNG + bytes(LARGEST - len(PNG))
    assert from_url(url(largest), param=PARAM).data == largest
    with pytest.raises(Problem) as caught:
        picture(Blob(largest + b"x"), param=PARAM)
    assert caught.value.code == "image_file_too_large"
