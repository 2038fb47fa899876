"""The SQL of the store, which stands in `sql/*.sql`, and its migrations.

Knows nothing of connections. In a file, each statement stands below a line `-- name: …`.
"""

from importlib.resources import files


def statements(name: str) -> dict[str, str]:
    """The statements of `sql/<name>.sql`, by their names."""
    text = files("antiphon.store").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    found = {}
    for part in text.split("-- name: ")[1:]:
        title, _, statement = part.partition("\n")
        found[title.strip()] = statement.strip()
    return found


def migrations() -> list[str]:
    """The scripts of `migrations/`, in order: number n, counted from 1, leads to version n."""
    folder = files("antiphon.store").joinpath("migrations")
    scripts = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name)
    for number, script in enumerate(scripts, start=1):
        assert script.name.startswith(f"{number:04}_"), f"migration {number} is missing"
    return [script.read_text(encoding="utf-8") for script in scripts]
