"""The part of the command line that is about accounts: keys, projects, usage, and all that is kept of a project.

Knows nothing of what a command does, as `cli`, which has these among its own.
"""

from pathlib import Path
from typing import Annotated, TypeAlias

from cyclopts import App, Parameter

from antiphon.commands.flags import NewKey, Terms
from antiphon.settings import Place

Json: TypeAlias = Annotated[bool, Parameter(negative="", show_default=False)]

keys = App(name="keys", help="Make, list, revoke and rotate API keys.", help_format="plaintext")
projects = App(name="projects", help="Make, list, change and archive projects.", help_format="plaintext")
usage = App(name="usage", help_format="plaintext")
export = App(name="export", help_format="plaintext")
purge = App(name="purge", help_format="plaintext")
APPS = (keys, projects, usage, export, purge)


@keys.command(name="create")
def keys_create(new: NewKey = NewKey(), place: Place = Place()) -> None:  # noqa: B008  frozen defaults are no shared state
    """Make a key. Its text is printed once, alone on standard output.

    It works from the next request on, also beside a running server.
    """
    from antiphon.commands import keys as command

    command.create(place.data, new)


@keys.command(name="list")
def keys_list(*, project: str | None = None, place: Place = Place(), json: Json = False) -> None:  # noqa: B008  as above
    """List the keys, without their texts.

    Parameters
    ----------
    project
        Only those of this project, by id or name.
    json
        Print the list as JSON.
    """
    from antiphon.commands import keys as command

    command.listed(place.data, project, as_json=json)


@keys.command(name="revoke")
def keys_revoke(key: str, /, place: Place = Place()) -> None:  # noqa: B008  as above
    """Revoke a key: the next request with it is refused.

    Parameters
    ----------
    key
        Its id, as `antiphon keys list` tells it.
    """
    from antiphon.commands import keys as command

    command.revoke(place.data, key)


@keys.command(name="rotate")
def keys_rotate(key: str, /, place: Place = Place()) -> None:  # noqa: B008  as above
    """Make a key in the place of another, good for the same, and revoke that one.

    Parameters
    ----------
    key
        The id of the old one, as `antiphon keys list` tells it.
    """
    from antiphon.commands import keys as command

    command.rotate(place.data, key)


@projects.command(name="create")
def projects_create(name: str, /, terms: Terms = Terms(), place: Place = Place()) -> None:  # noqa: B008  as above
    """Make a project; its id is printed.

    Parameters
    ----------
    name
        What it is called.
    """
    from antiphon.commands import projects as command

    command.create(place.data, name, terms)


@projects.command(name="list")
def projects_list(place: Place = Place(), *, json: Json = False) -> None:  # noqa: B008  as above
    """List the projects.

    Parameters
    ----------
    json
        Print the list as JSON.
    """
    from antiphon.commands import projects as command

    command.listed(place.data, as_json=json)


@projects.command(name="set")
def projects_set(project: str, /, terms: Terms = Terms(), place: Place = Place()) -> None:  # noqa: B008  as above
    """Change what holds for a project: limits, budget, contract, log. What is not named stays.

    Parameters
    ----------
    project
        Its id or name.
    """
    from antiphon.commands import projects as command

    command.change(place.data, project, terms)


@projects.command(name="archive")
def projects_archive(project: str, /, place: Place = Place()) -> None:  # noqa: B008  as above
    """Archive a project: its keys are refused, what it holds stays.

    Parameters
    ----------
    project
        Its id or name.
    """
    from antiphon.commands import projects as command

    command.archive(place.data, project)


@usage.default
def usage_(
    *,
    by: str = "project",
    since: str | None = None,
    until: str | None = None,
    place: Place = Place(),  # noqa: B008  as above
    json: Json = False,
) -> None:
    """Say what was used: responses, tokens and cost.

    Parameters
    ----------
    by
        What the sums are split by: some of day, project, key and model, with commas between.
    since
        From when on: 7d, 12h, or a date as 2030-01-31, in UTC. [default: the beginning of this month]
    until
        Until when, likewise. [default: now]
    json
        Print the sums as JSON.
    """
    from antiphon.commands import usage as command

    command.usage(place.data, by, since, until, as_json=json)


@export.default
def export_(project: str, file: Path | None = None, /, place: Place = Place()) -> None:  # noqa: B008  as above
    """Write all that is kept of a project, a line of JSON for each row, also while the server runs.

    Parameters
    ----------
    project
        Its id or name.
    file
        Where to write; a file that is there is replaced. [default: standard output]
    """
    from antiphon.commands import export as command

    command.export(place.data, project, file)


@purge.default
def purge_(project: str, /, place: Place = Place(), *, yes: Json = False) -> None:  # noqa: B008  as above
    """Forget all that is kept of a project, for good: responses, conversations, keys, usage. The server must not run.

    Parameters
    ----------
    project
        Its id or name. The default project itself stays, empty.
    yes
        Do it.
    """
    from antiphon.commands import purge as command

    command.purge(place.data, project, yes=yes)
