import json

from antiphon.core.accounts import UsageSum
from antiphon.core.ports import Chunk, Record
from antiphon.store.exported import SumLine, events_line, key_line, line, record_line, usage_line
from tests.store.accounts import a_key, charged, settled


def test_the_kind_is_the_rows_own_name() -> None:
    assert json.loads(line(SumLine(usage=UsageSum(start=60.0, responses=2))))["kind"] == "sum"
    assert json.loads(line(key_line(a_key())))["kind"] == "key"


def test_events_stand_in_a_list_as_they_were_told() -> None:
    told = line(events_line("resp_1", Chunk(0, 1, b'{"type": "a"}\n{"type":"b"}')))
    assert told == b'{"kind":"events","response_id":"resp_1","events":[{"type": "a"},{"type":"b"}]}\n'


def test_a_records_answer_is_json_or_not_there() -> None:
    assert json.loads(line(record_line("s", "k", Record(b"\xff", 1, body=b'{"a":1}'))))["body"] == {"a": 1}
    for body in (None, b""):
        assert json.loads(line(record_line("s", "k", Record(b"\xff", 1, body=body))))["body"] is None


def test_usage_is_what_was_reserved_until_it_is_settled() -> None:
    told = json.loads(line(usage_line(charged("r"), None)))
    assert (told["status"], told["input_tokens"], told["cost"]) == (None, 10, 6.0)
    told = json.loads(line(usage_line(charged("r"), settled("r"))))
    assert (told["status"], told["input_tokens"], told["cost"], told["model"]) == ("completed", 7, 0.5, "m")
