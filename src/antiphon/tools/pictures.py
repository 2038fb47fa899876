"""Pictures: the bytes of an `input_image`, and what kind they are, by their first bytes.

Knows nothing of what is in the picture, nor of who looks at it.
"""

import base64

from msgspec import Struct

from antiphon.core.problems import Problem
from antiphon.tools.encoded import Blob, base64_size, from_data_url, is_data_url

LARGEST = 20 * 1024 * 1024
"""Bytes of a picture (protocol §2.1)."""

READABLE = "PNG, JPEG, GIF and WEBP"


class Picture(Struct, frozen=True):
    """A picture: `image/png`, `image/jpeg`, `image/gif` or `image/webp`, and its bytes."""

    media_type: str
    data: bytes

    @property
    def url(self) -> str:
        """The picture as a data URL."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.data).decode()}"


def media_type(data: bytes) -> str | None:
    """The kind of a picture by its first bytes, whatever anybody says of it; None for what isn't one of ours."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return None


def picture(blob: Blob, *, param: str) -> Picture:
    """The bytes as a picture.

    Raises `Problem` 400 at `param` (protocol §3.1): `empty_image_file`, `image_file_too_large`,
    `unsupported_image_media_type` for one that is said to be of another kind, `invalid_image_format` for any
    other bytes.
    """
    if not blob.data:
        raise Problem(400, "empty_image_file", f"The picture in '{param}' is empty.", param=param)
    if len(blob.data) > LARGEST:
        raise _large(param)
    kind = media_type(blob.data)
    if kind is not None:
        return Picture(kind, blob.data)
    if blob.media_type.startswith("image/") and blob.media_type.removeprefix("image/") not in _KINDS:
        told = f"The picture in '{param}' is of a kind that can't be read. {READABLE} can."
        raise Problem(400, "unsupported_image_media_type", told, param=param)
    told = f"What stands in '{param}' is no picture that can be read. {READABLE} can."
    raise Problem(400, "invalid_image_format", told, param=param)


def from_url(url: str, *, param: str) -> Picture:
    """The picture in a data URL. Raises `Problem` 400 as `picture`, and `invalid_base64_image`, `invalid_image_url`."""
    if not is_data_url(url) or "," not in url[:512]:
        told = f"'{param}' is neither an http or https address nor a data URL with the picture in base64."
        raise Problem(400, "invalid_image_url", told, param=param)
    if base64_size(url) > LARGEST + 512:
        raise _large(param)
    blob = from_data_url(url)
    if blob is None:
        raise Problem(400, "invalid_base64_image", f"The data URL in '{param}' is not whole base64.", param=param)
    return picture(blob, param=param)


_KINDS = {"png", "jpeg", "jpg", "gif", "webp"}


def _large(param: str) -> Problem:
    return Problem(400, "image_file_too_large", f"The picture in '{param}' has more than {LARGEST} bytes.", param=param)
