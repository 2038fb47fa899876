"""`antiphon purge`: one project forgotten, for good.

Knows nothing of where its rows stand.
"""

from pathlib import Path

from antiphon.commands.accounts import Refusal, counted, done, plain, project_of


def purge(data: Path, project: str, *, yes: bool) -> None:
    """Forget a project. Exits with 1 and one line where that was not confirmed, or a server runs."""
    name, rows = done(_purge(data, project, confirmed=yes))
    print(f"{name} is forgotten: {counted(rows, 'row')}. Copies made by `antiphon backup` and `export` still hold it.")


async def _purge(data: Path, name: str, *, confirmed: bool) -> tuple[str, int]:
    from antiphon.desk import opened, purge

    async with opened(data) as desk:
        project = project_of(await desk.books.roll(), name)
    if not confirmed:
        raise Refusal(
            f"This would forget all that is kept of {plain(project.name)} ({project.id}), its keys and its usage too, "
            "for good: say --yes if that is meant."
        )
    return plain(project.name), await purge(data, project.id)
