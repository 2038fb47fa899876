"""Attachments: the files and pictures of items, fetched and read, as a model is to see them.

Knows nothing of models: whoever asks says whether pictures are wanted too. The items that are stored stay as
they were sent; what stands here is for one prompt.
"""

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import unquote, urlsplit

from msgspec import UNSET, Struct
from msgspec.structs import replace

from antiphon.core.items import (
    CustomToolCallOutput,
    FunctionCallOutput,
    InputFile,
    InputImage,
    InputText,
    Item,
    Message,
    Part,
)
from antiphon.core.ports import Fetcher
from antiphon.core.problems import Problem
from antiphon.tools import files, pictures
from antiphon.tools.encoded import Blob, is_data_url


class AttachmentLimits(Struct, frozen=True):
    """What one prompt may hold: addresses to fetch from, and bytes of text and pictures in all. `at_once` are read."""

    addresses: int = 32
    size: int = 64 * 1024 * 1024
    at_once: int = 4


class Attachments:
    """Satisfies the `Attachments` port."""

    def __init__(self, fetcher: Fetcher, limits: AttachmentLimits | None = None) -> None:
        self._fetcher = fetcher
        self._limits = limits or AttachmentLimits()

    async def files_as_text(self, items: list[Item], place: str) -> list[Item]:
        """The items with every file as text. Raises `Problem` 400, its `param` beginning with `place`."""
        return await self._read(items, place, {InputFile: self._file})

    async def pictures_at_hand(self, items: list[Item], place: str) -> list[Item]:
        """The items with every picture checked and as a data URL. Raises `Problem` 400 likewise."""
        return await self._read(items, place, {InputImage: self._picture})

    async def _read(self, items: list[Item], place: str, ways: "dict[type, _Way]") -> list[Item]:
        spots = [
            (n, m, part) for n, item in enumerate(items) for m, part in enumerate(_parts(item)[1]) if type(part) in ways
        ]
        if not spots:
            return items
        self._bound_addresses([part for _, _, part in spots], place)
        turn, left = asyncio.Semaphore(self._limits.at_once), self._limits.size

        async def read(n: int, m: int, part: Part) -> Part:
            nonlocal left
            spot = f"{place}[{n}].{_parts(items[n])[0]}[{m}]"
            async with turn:
                found = await ways[type(part)](part, spot)
            left -= _size(found)
            if left < 0:
                told = f"The files and pictures in '{place}' come to more than {self._limits.size} bytes."
                raise Problem(400, "invalid_value", told, param=spot)
            return found

        return _with(items, {(n, m): part for (n, m, _), part in zip(spots, await _all(read, spots), strict=True)})

    def _bound_addresses(self, parts: list[Part], place: str) -> None:
        if sum(_is_address(part) for part in parts) > self._limits.addresses:
            told = f"'{place}' has more than {self._limits.addresses} addresses of files or pictures to fetch."
            raise Problem(400, "array_above_max_length", told, param=place)

    async def _file(self, part: Part, spot: str) -> Part:
        assert isinstance(part, InputFile)
        name = None if part.filename is UNSET else part.filename
        if part.file_data is not UNSET:
            param = f"{spot}.file_data"
            return InputText(
                await files.file_text(files.from_file_data(part.file_data, param=param), name, param=param)
            )
        if part.file_url is UNSET:
            raise _by_id(part.file_id, spot, "file_data or file_url")
        param = f"{spot}.file_url"
        if is_data_url(part.file_url):
            blob = files.from_file_data(part.file_url, param=param)
        else:
            fetched = await self._fetcher.fetch(part.file_url, "file", param=param)
            blob = Blob(fetched.data, fetched.content_type)
            name = name or unquote(urlsplit(fetched.url).path.rpartition("/")[2])
        return InputText(await files.file_text(blob, name, param=param))

    async def _picture(self, part: Part, spot: str) -> Part:
        assert isinstance(part, InputImage)
        if part.image_url is UNSET:
            raise _by_id(part.file_id, spot, "image_url")
        param = f"{spot}.image_url"
        if _is_address(part):
            fetched = await self._fetcher.fetch(part.image_url, "image", param=param)
            found = pictures.picture(Blob(fetched.data, fetched.content_type), param=param)
        else:
            found = pictures.from_url(part.image_url, param=param)
        return replace(part, image_url=found.url)


_Way = Callable[[Part, str], Awaitable[Part]]


async def _all(read: Callable[[int, int, Part], Awaitable[Part]], spots: list[tuple[int, int, Part]]) -> list[Part]:
    """All of them, together; the first problem ends the others. Raises `Problem`."""

    async def one(spot: tuple[int, int, Part]) -> Part:
        return await read(*spot)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(spot)) for spot in spots]
    except BaseExceptionGroup as faults:
        raise faults.exceptions[0] from None
    return [task.result() for task in tasks]


def _parts(item: Item) -> tuple[str, list[Part]]:
    """The parts of an item that may be files or pictures, and the name under which they stand."""
    match item:
        case Message(content=[*parts]):
            return "content", parts
        case FunctionCallOutput(output=[*parts]) | CustomToolCallOutput(output=[*parts]):
            return "output", parts
        case _:
            return "", []


def _with(items: list[Item], found: dict[tuple[int, int], Part]) -> list[Item]:
    changed = {n for n, _ in found}
    result = list(items)
    for n in changed:
        name, parts = _parts(items[n])
        now = [found.get((n, m), part) for m, part in enumerate(parts)]
        item = items[n]
        assert isinstance(item, Message | FunctionCallOutput | CustomToolCallOutput)
        result[n] = replace(item, **{name: now})
    return result


def _is_address(part: Part) -> bool:
    """Whether something has to be fetched for a part."""
    match part:
        case InputImage(image_url=str() as url):
            return url[:5].lower() in {"http:", "https"}
        case InputFile(file_data=data, file_url=str() as url):
            return data is UNSET and not is_data_url(url)
        case _:
            return False


def _size(part: Part) -> int:
    match part:
        case InputText(text=text):
            return len(text)
        case InputImage(image_url=str() as url):
            return len(url) * 3 // 4
        case _:
            return 0


def _by_id(file_id: object, spot: str, instead: str) -> Problem:
    if file_id is UNSET:
        return Problem(400, "missing_required_parameter", f"'{spot}' holds nothing: give {instead}.", param=spot)
    told = f"This server keeps no uploaded files. Give {instead} instead of 'file_id'."
    return Problem(400, "unsupported_parameter", told, param=f"{spot}.file_id")
