"""The command line: which commands and flags there are, and where else their values can come from.

Knows nothing of what a command does: `commands/` does it, and is imported only when it is called.
"""

from pathlib import Path
from typing import Annotated, TypeAlias

from cyclopts import App, ArgumentCollection, CycloptsError, Parameter
from cyclopts.config import Dict, Env, Toml
from cyclopts.validators import Number

from antiphon import __version__, cli_accounts
from antiphon.settings import FILE, TABLES, Place, Reach, Settings


def _from_file(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Fill what neither flags nor environment gave from the file of settings.

    Only for commands that have --config. The tables of upstreams and models are `config`'s. A key that is
    no setting is refused by `serve`, which has them all; the others take theirs.
    """
    chosen = arguments.get("--config", default=None)
    if chosen is None:
        return
    path = Path(chosen.tokens[0].value if chosen.tokens else FILE).expanduser()
    if not path.exists():
        if chosen.tokens:
            raise CycloptsError(msg=f"There is no file {path}.")
        return
    file = Toml(path, allow_unknown=commands != ("serve",), use_commands_as_keys=False)
    try:
        _ = file.config
    except CycloptsError as error:
        raise CycloptsError(msg=f"{path}: {error.msg}") from error
    keys = {key: value for key, value in file.config.items() if key not in TABLES}
    Dict(keys, allow_unknown=file.allow_unknown, use_commands_as_keys=False, source=file.source)(
        app, commands, arguments
    )


def _of_place(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Fill --config and --data alone: what else these commands are told is no setting, though it may be called so."""
    place = arguments.copy()
    place[:] = [one for one in arguments if one.name in ("--config", "--data")]
    Env("ANTIPHON_", command=False, show=False)(app, commands, place)
    _from_file(app, commands, place)


Json: TypeAlias = Annotated[bool, Parameter(negative="", show_default=False)]

app = App(
    name="antiphon",
    help="A Responses API server that you run yourself.",
    help_format="plaintext",
    version=__version__,
    config=(Env("ANTIPHON_", command=False, show=False), _from_file),
)


@app.command
def serve(settings: Settings = Settings()) -> None:  # noqa: B008  the defaults of a frozen dataclass are no shared state
    """Serve the API. A model that is missing is fetched first.

    Every flag is also ANTIPHON_… in the environment and a key of antiphon.toml: --max-body-mib is
    ANTIPHON_MAX_BODY_MIB and max_body_mib. A flag wins over the environment, and that over the file.
    """
    from antiphon.commands import serve as command

    command.serve(settings)


@app.command
def chat(*, url: str | None = None, model: str | None = None, system: str | None = None) -> None:
    """Talk to a model in the terminal.

    Parameters
    ----------
    url
        The server's base URL. [default: http://127.0.0.1:8484/v1; where none answers there, one is started]
    model
        The model to talk to. [default: the server's first]
    system
        What the model is told before the conversation.
    """
    from antiphon.commands import chat as command

    raise SystemExit(command.chat(url, model=model, system=system))


@app.command
def pull(name: str, /, place: Place = Place(), *, json: Json = False) -> None:  # noqa: B008  as above
    """Fetch a model, checked against its sum; what broke off is resumed.

    Parameters
    ----------
    name
        A name of `antiphon models`, or hf:ORG/REPO:FILE.
    json
        Print the result as JSON.
    """
    from antiphon.commands import pull as command

    command.pull(name, place.data, as_json=json)


@app.command
def models(place: Place = Place(), *, json: Json = False) -> None:  # noqa: B008  as above
    """List the models that can be served, and those that are here.

    Parameters
    ----------
    json
        Print the list as JSON.
    """
    from antiphon.commands import models as command

    command.models(place.data, as_json=json)


@app.command
def upstreams(reach: Reach = Reach(), *, json: Json = False) -> None:  # noqa: B008  as above
    """Ask every upstream how it is, and say so in a line each. Ends with 1 where one can't be asked.

    Parameters
    ----------
    json
        Print the findings as JSON.
    """
    from antiphon.commands import upstreams as command

    raise SystemExit(command.upstreams(reach, as_json=json))


@app.command
def connect(
    name: str | None = None,
    /,
    *,
    url: str = "http://127.0.0.1:8484/v1",
    model: str | None = None,
    context: Annotated[int | None, Parameter(validator=Number(gte=1024))] = None,
    write: Json = False,
    json: Json = False,
) -> None:
    """Print what a client has to be told to use this server, or write it to the client's own file.

    Without a name, list the clients that are known.

    Parameters
    ----------
    name
        The client: codex, openai-python, openai-node, agents, ai-sdk, langchain, llm or opencode.
    url
        The server's base URL, as the client is to reach it.
    model
        The model that the client is to ask. [default: the server's first]
    context
        The model's context in tokens, for clients that make room themselves (codex, opencode).
    write
        Merge it into the client's own file (codex, llm, opencode). What stands there is kept, and copied first.
    json
        Print the result as JSON.
    """
    from antiphon.commands import connect as command

    raise SystemExit(command.run(name, command.Wanted(url, model, context), write=write, as_json=json))


config = App(name="config", help="Look at the file of settings.", help_format="plaintext")
app.command(config)


@config.command
def check(file: Path = Path(FILE), /) -> None:
    """Say what is wrong in a file of settings, with the line of each mistake. Ends with 1 where there is one.

    Parameters
    ----------
    file
        The file.
    """
    from antiphon.commands import config as command

    raise SystemExit(command.check(file, _wrong_key))


def _wrong_key(file: Path, key: str, value: object) -> str:
    """What is wrong with a key of the file that stands for a flag; "" for nothing."""
    serving = App(name="serve", config=Dict({key: value}, use_commands_as_keys=False, source=str(file)))
    serving.default(_served)
    try:
        serving.parse_args([], exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return str(error)
    return ""


def _served(settings: Settings = Settings()) -> None:  # noqa: B008  as above
    """Take the settings, for `_wrong_key`."""


@app.command
def backup(file: Path, /, place: Place = Place()) -> None:  # noqa: B008  as above
    """Copy all responses, conversations and accounts to one file, also while the server runs.

    To go back to it, stop the server, remove antiphon.db-wal from the data folder if it is there, and put
    the file in the place of antiphon.db. The file `secret` beside that belongs to it: without it no API key
    that was made is known again, and no sealed thought can be read.

    Parameters
    ----------
    file
        Where to write the copy; a file that is there is replaced once the copy is whole.
    """
    from antiphon.commands import backup as command

    command.backup(place.data, file)


for accounts in cli_accounts.APPS:
    accounts.config = (_of_place,)
    app.command(accounts)


def main() -> None:
    """Run the command that the arguments name."""
    app()
