"""`antiphon projects`: projects made, listed, changed and archived.

Knows nothing of what is done in a project.
"""

import time
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from antiphon.commands.accounts import (
    Refusal,
    changed,
    day,
    done,
    limits_of,
    limits_told,
    plain,
    project_of,
    show,
    show_json,
)
from antiphon.commands.flags import Terms
from antiphon.core.accounts import DEFAULT_PROJECT, Budget, Limits, Project, Roll


def create(data: Path, name: str, terms: Terms) -> None:
    """Make a project; its id goes to standard output."""
    project = done(_create(data, name, terms))
    print(project.id)


def change(data: Path, name: str, terms: Terms) -> None:
    """Change what holds for a project."""
    project = done(_keep(data, name, lambda project: _under(project, terms)))
    print(f"{plain(project.name)}: {plain(_terms_told(project) or 'no limits')}.")


def archive(data: Path, name: str) -> None:
    """Archive a project: nothing of it goes, and nobody works in it."""
    project = done(_keep(data, name, _archived))
    print(f"{plain(project.name)} is archived: requests in it are refused from the next one on. What it holds stays.")


def listed(data: Path, *, as_json: bool) -> None:
    """List the projects."""
    roll = done(_roll(data))
    projects = sorted(
        roll.projects, key=lambda project: (project.archived_at is not None, project.created_at, project.id)
    )
    if as_json:
        show_json(projects)
        return
    keys = [key.project for key in roll.keys if key.revoked_at is None]
    show(
        ("ID", "NAME", "CREATED", "ARCHIVED", "KEYS", "TERMS"),
        (
            (
                project.id,
                project.name,
                day(project.created_at),
                day(project.archived_at),
                str(keys.count(project.id)),
                _terms_told(project),
            )
            for project in projects
        ),
        frozenset({"KEYS"}),
    )


async def _create(data: Path, name: str, terms: Terms) -> Project:
    from antiphon.desk import founded, new_id

    if not name.strip():
        raise Refusal("A project needs a name.")
    async with founded(data) as desk:
        if any(name in (known.name, known.id) for known in (await desk.books.roll()).projects):
            raise Refusal(f"There is a project {name!r} already: see `antiphon projects list`.")
        made = Project(id=new_id("proj"), name=name, created_at=int(time.time()))
        project = _under(made, terms)
        await desk.books.keep_project(project)
        return project


async def _keep(data: Path, name: str, change: Callable[[Project], Project]) -> Project:
    from antiphon.desk import opened

    async with opened(data) as desk:
        project = change(project_of(await desk.books.roll(), name))
        await desk.books.keep_project(project)
        return project


async def _roll(data: Path) -> Roll:
    from antiphon.desk import opened

    async with opened(data) as desk:
        return await desk.books.roll()


def _archived(project: Project) -> Project:
    if project.id == DEFAULT_PROJECT:
        raise Refusal("The default project can't be archived: whoever names no project works in it.")
    return project if project.archived_at is not None else replace(project, archived_at=int(time.time()))


def _under(project: Project, terms: Terms) -> Project:
    """The project under what is asked for."""
    budget = Budget(
        soft=changed(terms.budget_soft, project.budget.soft), hard=changed(terms.budget_hard, project.budget.hard)
    )
    limits, models = project.limits, dict(project.models)
    if terms.for_model is None:
        limits = limits_of(terms, limits)
    else:
        models[terms.for_model] = limits_of(terms, models.get(terms.for_model, Limits()))
        models = {model: held for model, held in models.items() if held != Limits()}
    return replace(
        project,
        limits=limits,
        models=models,
        budget=budget,
        contract=changed(terms.contract, project.contract),
        log_content=project.log_content if terms.log_content is None else terms.log_content,
    )


def _terms_told(project: Project) -> str:
    """What holds for a project, for a person."""
    budget = project.budget
    parts = [
        limits_told(project.limits),
        *(f"{model}: {limits_told(limits)}" for model, limits in sorted(project.models.items())),
        "" if budget.soft is None else f"warned beyond {budget.soft:g} a month",
        "" if budget.hard is None else f"refused beyond {budget.hard:g} a month",
        "" if project.contract is None else f"only by {project.contract}",
        "content in the log" if project.log_content else "",
    ]
    return "; ".join(part for part in parts if part)
