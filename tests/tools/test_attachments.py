"""Files and pictures of items, as a model is to see them, and where in the request a refusal points."""

import base64

import pytest

from antiphon.core.items import FunctionCallOutput, InputFile, InputImage, InputText, Item, Message, Reasoning
from antiphon.core.ports import Attachments as AttachmentsPort
from antiphon.core.problems import Problem
from antiphon.tools.attachments import AttachmentLimits, Attachments
from antiphon.tools.fetch import FetchLimits, WebFetcher
from tests.tools.origin import Origin, answer, origin, redirect
from tests.tools.test_pictures import PNG, url

pytestmark = pytest.mark.anyio

CSV = base64.b64encode(b"a,b").decode()


def reading(*servers: Origin, limits: AttachmentLimits | None = None) -> AttachmentsPort:
    return Attachments(WebFetcher([server.place for server in servers], FetchLimits(seconds=20)), limits)


def user(*parts: InputText | InputImage | InputFile) -> Message:
    return Message(role="user", content=list(parts))


async def refused(attachments: AttachmentsPort, items: list[Item]) -> Problem:
    with pytest.raises(Problem) as caught:
        await attachments.pictures_at_hand(await attachments.files_as_text(items, "input"), "input")
    assert caught.value.status == 400
    return caught.value


async def test_files_become_text_where_they_stand() -> None:
    question = InputText("What is in them?")
    async with origin(answer(b"from afar")) as server:
        items: list[Item] = [
            user(question, InputFile(filename="a.csv", file_data=CSV), InputFile(file_url=f"data:;base64,{CSV}")),
            Reasoning(id="rs_1"),
            FunctionCallOutput(call_id="c", output=[InputFile(file_url=f"http://{server.place}/x/my%20notes.txt?a")]),
            FunctionCallOutput(call_id="d", output="18"),
        ]
        before = repr(items)
        found = await reading(server).files_as_text(items, "input")
    assert found == [
        user(question, InputText("# a.csv\n\na,b"), InputText("# File\n\na,b")),
        items[1],
        FunctionCallOutput(call_id="c", output=[InputText("# my notes.txt\n\nfrom afar")]),
        items[3],
    ]
    assert repr(items) == before  # what is stored stays as it was sent


async def test_pictures_come_at_hand_and_are_what_their_bytes_say() -> None:
    async with origin(answer(PNG, "Content-Type: text/html")) as server:
        asked = user(InputImage(image_url=server.url, detail="low"), InputImage(image_url=url(PNG, "image/gif")))
        (found,) = await reading(server).pictures_at_hand([asked], "input")
    assert found == user(InputImage(image_url=url(PNG), detail="low"), InputImage(image_url=url(PNG)))


async def test_what_has_no_files_is_untouched() -> None:
    items: list[Item] = [user(InputText("hi"))]
    assert await reading().files_as_text(items, "input") is items


@pytest.mark.parametrize(
    ("part", "code", "param"),
    [
        (InputFile(file_data="!"), "invalid_value", "input[1].content[1].file_data"),
        (InputFile(file_url="http://127.0.0.1:1/"), "invalid_value", "input[1].content[1].file_url"),
        (InputFile(file_url="ftp://x/"), "invalid_value", "input[1].content[1].file_url"),
        (InputFile(file_id="file_1"), "unsupported_parameter", "input[1].content[1].file_id"),
        (InputFile(filename="a"), "missing_required_parameter", "input[1].content[1]"),
        (InputImage(image_url="http://127.0.0.1:1/"), "invalid_image_url", "input[1].content[1].image_url"),
        (InputImage(image_url="ftp://x/"), "invalid_image_url", "input[1].content[1].image_url"),
        (InputImage(image_url=url(b"text")), "invalid_image_format", "input[1].content[1].image_url"),
        (InputImage(file_id="file_1"), "unsupported_parameter", "input[1].content[1].file_id"),
        (InputImage(), "missing_required_parameter", "input[1].content[1]"),
    ],
)
async def test_a_refusal_names_its_place(part: InputFile | InputImage, code: str, param: str) -> None:
    problem = await refused(reading(), [Message(role="system"), user(InputText("?"), part)])
    assert (problem.code, problem.param) == (code, param)


async def test_one_bad_address_ends_the_others() -> None:
    async with origin(redirect("/for/ever")) as bad, origin(answer(b"good")) as good:
        files = [InputFile(file_url=server.url) for server in (good, bad, good)]
        problem = await refused(reading(good, bad), [user(*files)])
    assert problem.param == "input[0].content[1].file_url"


async def test_addresses_of_one_prompt_are_bounded() -> None:
    async with origin(answer(b"text")) as server:
        many = user(*[InputFile(file_url=server.url)] * 3, InputFile(file_data=CSV))
        problem = await refused(reading(server, limits=AttachmentLimits(addresses=2)), [many])
        assert (problem.code, problem.param) == ("array_above_max_length", "input") and server.asked == []
        assert await reading(server, limits=AttachmentLimits(addresses=3)).files_as_text([many], "input")


async def test_all_that_one_prompt_holds_is_bounded() -> None:
    many = user(*[InputFile(file_data=CSV)] * 3)
    assert await reading(limits=AttachmentLimits(size=33)).files_as_text([many], "input")
    assert (await refused(reading(limits=AttachmentLimits(size=32)), [many])).code == "invalid_value"
