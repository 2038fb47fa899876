#!/bin/sh
# Makes a virtual environment in the folder given, with the newest Python of 3.11 or later on the path.
set -eu
for python in "${PYTHON:-}" python3.14 python3.13 python3.12 python3.11 python3; do
    # Run it: a name on the path may be a shim with nothing behind it.
    if [ -n "$python" ] && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        break
    fi
    python=
done
if [ -z "$python" ]; then
    echo "Antiphon needs Python 3.11 or newer, and none was found on the path." >&2
    echo "Install it (Debian, Ubuntu: python3 python3-venv; Fedora: python3; macOS: brew install python)," >&2
    echo "or name one: make PYTHON=/path/to/python3 ..." >&2
    exit 1
fi
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    echo "Python $version is here without its venv module." >&2
    echo "Install the package that holds it: on Debian and Ubuntu python$version-venv." >&2
    exit 1
fi
echo "== making a virtual environment in $1 with Python $version"
"$python" -m venv --clear "$1"
