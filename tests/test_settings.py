"""The settings: flag over environment over file over default, and errors that say where the value came from."""

import os
from dataclasses import fields
from pathlib import Path

import pytest

from antiphon.cli import app
from antiphon.settings import Settings, data_folder, loopback


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")  # no path is broken into two lines
    return tmp_path


def parsed(*arguments: str) -> Settings:
    """The settings that `antiphon serve` gets from these arguments."""
    _, bound, _ = app.parse_args(["serve", *arguments], exit_on_error=False)
    settings = bound.arguments.get("settings", Settings())
    assert isinstance(settings, Settings)
    return settings


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What `antiphon serve` says when it refuses these arguments, on one line."""
    with pytest.raises(SystemExit) as refusal:
        app(["serve", *arguments])
    assert refusal.value.code == 2
    return " ".join(capsys.readouterr().err.replace("│", " ").split())


def test_defaults() -> None:
    settings = parsed()
    assert settings == Settings()
    assert (settings.host, settings.port, settings.model) == ("127.0.0.1", 8484, None)
    assert not settings.no_auth


def test_a_flag_wins_over_the_environment_and_that_over_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "antiphon.toml").write_text("port = 1001\nslots = 11\nqueue = 21\n")
    monkeypatch.setenv("ANTIPHON_PORT", "1002")
    monkeypatch.setenv("ANTIPHON_SLOTS", "12")
    settings = parsed("--port", "1003")
    assert (settings.port, settings.slots, settings.queue) == (1003, 12, 21)


def told(value: object) -> str:
    if isinstance(value, tuple):  # paths are parted as everywhere in an environment
        return (os.pathsep if isinstance(value[0], Path) else " ").join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_every_field_is_a_flag_a_variable_and_a_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {
        "host": "127.0.0.2",
        "port": 4711,
        "upstream": ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8001/v1"),
        "model": "some.gguf",
        "data": folder / "data",
        "contract": "gateway",
        "contract_file": (folder / "mine.toml", folder / "other.toml"),
        "ephemeral": True,
        "no_auth": True,
        "admin_key": "a-key-that-nobody-guesses",
        "trusted_proxies": ("10.0.0.1", "fd00::/8"),
        "keep_days": 3,
        "keep_log_hours": 5,
        "background": 7,
        "allowed_origins": ("https://a.example", "https://b.example"),
        "allowed_hosts": ("a.example", "b.example"),
        "fetch_allowed": ("127.0.0.1:8000", "files.example:443"),
        "max_output_tokens": 100,
        "max_body_mib": 8,
        "heartbeat": 2.5,
        "websocket": False,
        "websocket_minutes": 7.5,
        "websocket_lanes": 3,
        "context": 2048,
        "slots": 2,
        "queue": 0,
        "threads": 3,
        "seed": 42,
        "log_format": "json",
        "log_level": "error",
        "shutdown_grace": 1,
    }
    file = folder / "other.toml"
    assert {field.name for field in fields(Settings)} == {*wanted, "config"}
    expected = Settings(config=file, **wanted)  # type: ignore[arg-type]  # the values' types stand in no table

    lines = {name: list(map(str, value)) if isinstance(value, tuple) else value for name, value in wanted.items()}
    file.write_text(
        "".join(
            f"{name} = {told(v) if isinstance(v, int | float | list) else repr(str(v))}\n" for name, v in lines.items()
        )
    )
    assert parsed("--config", str(file)) == expected

    file.write_text("")
    monkeypatch.setenv("ANTIPHON_CONFIG", str(file))
    for name, value in wanted.items():
        monkeypatch.setenv(f"ANTIPHON_{name.upper()}", told(value))
    assert parsed() == expected

    for name in wanted:
        monkeypatch.delenv(f"ANTIPHON_{name.upper()}")
    arguments: list[str] = []
    for name, value in wanted.items():
        flag = f"--{'no-' if value is False else ''}{name.replace('_', '-')}"
        values = value if isinstance(value, tuple) else [value]
        arguments += [flag] if isinstance(value, bool) else [word for one in values for word in (flag, str(one))]
    assert parsed(*arguments) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "0"),
        ("port", "65536"),
        ("port", "web"),
        ("max_output_tokens", "15"),
        ("max_body_mib", "0"),
        ("heartbeat", "0"),
        ("context", "100"),
        ("slots", "0"),
        ("queue", "-1"),
        ("threads", "0"),
        ("seed", "4294967296"),
        ("log_format", "xml"),
        ("log_level", "loud"),
        ("shutdown_grace", "-1"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_it_was_given_under(
    name: str, value: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flag = f"--{name.replace('_', '-')}"
    said = refused(capsys, f"{flag}={value}")
    assert flag in said
    assert value in said

    monkeypatch.setenv(f"ANTIPHON_{name.upper()}", value)
    said = refused(capsys)
    assert f"ANTIPHON_{name.upper()}" in said
    assert value in said

    monkeypatch.delenv(f"ANTIPHON_{name.upper()}")
    (folder / "antiphon.toml").write_text(f'{name} = "{value}"\n')
    said = refused(capsys)
    assert f"[{name}]" in said
    assert "antiphon.toml" in said


def test_an_unknown_flag_and_an_unknown_key(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Did you mean --port?" in refused(capsys, "--prot", "1")
    (folder / "antiphon.toml").write_text("prot = 1\n")
    assert '"[prot]" from' in refused(capsys)


def test_a_file_that_is_broken_and_one_that_is_not_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "antiphon.toml").write_text("port = = 1\n")
    said = refused(capsys)
    assert "antiphon.toml: " in said
    assert "at line 1" in said
    assert "There is no file absent.toml." in refused(capsys, "--config", "absent.toml")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com"])  # noqa: S104  it is only read
def test_an_address_that_others_reach_is_a_setting_as_any(host: str) -> None:
    assert not loopback(host)
    assert parsed("--host", host).host == host  # whether it may stand open is known once the keys are


def test_proxies_are_addresses_and_networks(capsys: pytest.CaptureFixture[str]) -> None:
    given = ("10.0.0.1", "10.1.0.0/16", "fd00::/8")
    assert parsed(*[word for one in given for word in ("--trusted-proxies", one)]).trusted_proxies == given
    for bad in ("proxy.example", "10.0.0.0/40"):
        assert f"{bad} is neither an IP address nor a network" in refused(capsys, "--trusted-proxies", bad)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"])
def test_this_machine_is_loopback(host: str) -> None:
    assert loopback(host)
    assert parsed("--host", host).host == host


@pytest.mark.parametrize("host", ["", "128.0.0.1", "localhost.example", "127.0.0.1.example", "0"])
def test_what_others_may_reach_is_not_loopback(host: str) -> None:
    assert not loopback(host)


def test_the_data_folder_is_where_the_system_keeps_such_things() -> None:
    assert data_folder({"HOME": "/h"}, "linux") == Path("/h/.local/share/antiphon")
    assert data_folder({"HOME": "/h", "XDG_DATA_HOME": "/x"}, "linux") == Path("/x/antiphon")
    assert data_folder({"HOME": "/h", "XDG_DATA_HOME": "x"}, "linux") == Path("/h/.local/share/antiphon")
    assert data_folder({"HOME": "/h", "XDG_DATA_HOME": "/x"}, "darwin") == Path(
        "/h/Library/Application Support/antiphon"
    )


def test_the_tables_of_upstreams_and_models_are_no_settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "antiphon.toml").write_text(
        'port = 1001\n[upstreams.a]\nurl = "http://127.0.0.1:1/v1"\n[models.m]\nupstreams = ["a"]\n'
    )
    monkeypatch.setenv("ANTIPHON_UPSTREAM_KEY", "sk-secret")
    assert parsed() == Settings(port=1001)
