#!/bin/sh
# Codex CLI: something to be done in the current folder. It may change files there, and nowhere else.
set -eu
url=${ANTIPHON_URL:-http://127.0.0.1:8484/v1} model=${ANTIPHON_MODEL:-qwen2.5-coder-1.5b-instruct}

# Settings of its own, so that yours stay as they are; without this line `connect` turns yours to this server.
CODEX_HOME=$(mktemp -d) && export CODEX_HOME && trap 'rm -rf "$CODEX_HOME"' EXIT
antiphon connect codex --url "$url" --model "$model" --write 2>/dev/null

codex exec --skip-git-repo-check --sandbox "${SANDBOX:-workspace-write}" \
    "${1:-Write a file hello.txt that says hello.}" </dev/null
