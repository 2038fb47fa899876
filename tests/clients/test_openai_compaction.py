"""Compaction and prompts through the real `openai` client; on the default model with `make soak PART=compacted`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI

from antiphon.models import catalogue
from antiphon.settings import data_folder
from tests.clients.sdk import checked
from tests.openapi import check_compaction
from tests.served import Server, running

FACT = "FACT my name is Ada"


def said(text: str, role: str = "user") -> Any:
    return {"type": "message", "role": role, "content": text}


@pytest.fixture
def client(server: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=server.url, api_key="any", max_retries=0) as client:
        yield client


def test_a_window_is_taken_back(client: OpenAI) -> None:
    talk: Any = [said(FACT), said("Hello Ada!", "assistant"), said("Hm.")]
    answer = client.responses.with_raw_response.compact(model="scripted", input=talk, instructions="Be kind.")
    sent = answer.http_response.json()
    check_compaction(sent)
    window = answer.parse()
    assert [item.type for item in window.output] == ["message", "message", "compaction"]
    further: Any = [*sent["output"], said("Go on.")]
    response = client.responses.create(model="scripted", input=further, store=False)
    assert response.output_text == "Go on."
    assert response.usage is not None and response.usage.input_tokens > 10


def test_a_window_needs_a_model(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.post("/responses/compact", body={"input": "x"}, cast_to=object)
    assert caught.value.param == "model"


def test_a_stream_tells_a_compaction(client: OpenAI) -> None:
    managed: Any = [{"type": "compaction", "compact_threshold": 1000}]
    talk: Any = [said("w " * 1000), said("I see.", "assistant"), said("So?")]
    with client.responses.create(model="scripted", input=talk, context_management=managed, stream=True) as stream:
        response = checked(list(stream))
    assert [item["type"] for item in response["output"]] == ["compaction", "message"]


def test_a_prompt_is_named(client: OpenAI) -> None:
    body = {"instructions": "Speak {{tongue}}.", "input": "Read {{file}}", "model": "scripted"}
    made: Any = client.post("/prompts", body=body, cast_to=object)
    file: Any = {"type": "input_file", "filename": "a.txt", "file_data": "data:text/plain;base64,aGVsbG8="}
    response = client.responses.create(
        prompt={"id": made["id"], "version": "1", "variables": {"tongue": "German", "file": file}}
    )
    assert (response.model, response.instructions) == ("scripted", "Speak German.")
    assert response.prompt is not None and (response.prompt.id, response.prompt.version) == (made["id"], "1")
    with pytest.raises(openai.NotFoundError):
        client.responses.create(prompt={"id": "pmpt_0"})


@pytest.fixture
def default_model(tmp_path: Path, models_folder: Path) -> Iterator[tuple[OpenAI, str]]:
    """The real server over the default model, where that has been fetched."""
    name = catalogue.load().default
    for folder in (models_folder, catalogue.folder(data_folder())):
        if catalogue.locate(name, folder) is not None:
            (tmp_path / "models").symlink_to(folder.resolve(), target_is_directory=True)
            with running(name, tmp_path) as (server, _), OpenAI(base_url=server.url, api_key="any") as client:
                yield client, name
            return
    pytest.skip("the default model has not been fetched; `make soak` fetches it")


@pytest.mark.soak
@pytest.mark.default_model
def test_a_conversation_compacted_three_times_still_knows_the_name(default_model: tuple[OpenAI, str]) -> None:
    """Much of it is the user's, so that the message with the name is summed up before the end."""
    client, model = default_model
    managed: Any = [{"type": "compaction", "compact_threshold": 1000}]
    bound: Any = {"model": model, "context_management": managed, "max_output_tokens": 24, "temperature": 0}
    response = client.responses.create(input="Hello! My name is Persephone Quill, and I keep bees.", **bound)
    compacted = 0
    for number in range(20):
        question = f"Name a fruit, number {number}. You need not mind these words:" + " honey wax comb" * 60
        response = client.responses.create(input=question, previous_response_id=response.id, **bound)
        compacted += any(item.type == "compaction" for item in response.output)
        if compacted == 3:
            break
    assert compacted == 3
    end = client.responses.create(input="What is my name?", previous_response_id=response.id, **bound)
    assert "Persephone" in end.output_text


@pytest.mark.soak
@pytest.mark.default_model
def test_windows_made_three_times_still_know_what_only_the_assistant_said(default_model: tuple[OpenAI, str]) -> None:
    client, model = default_model
    talk: Any = [said("Guess who I am."), said("You are Persephone Quill, and you keep bees.", "assistant")]
    for number in range(3):
        answer = client.responses.with_raw_response.compact(model=model, input=talk, extra_body={"temperature": 0})
        window = answer.http_response.json()["output"]
        talk = [*window, said(f"Fine, number {number}."), said("Good.", "assistant")]
    end = client.responses.create(model=model, input=[*window, said("What is my name?")], temperature=0)
    assert "Persephone" in end.output_text
