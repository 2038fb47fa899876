#!/bin/sh
# opencode: something to be done in the current folder.
set -eu
url=${ANTIPHON_URL:-http://127.0.0.1:8484/v1} model=${ANTIPHON_MODEL:-qwen2.5-coder-1.5b-instruct}

# Settings of its own, so that yours stay as they are; without this line `connect` adds the server to yours.
settings=$(mktemp -d) && trap 'rm -rf "$settings"' EXIT
export OPENCODE_CONFIG="$settings/opencode.json"
antiphon connect opencode --url "$url" --model "$model" --write 2>/dev/null

opencode run --model "antiphon/$model" "${1:-Write a file hello.txt that says hello.}" </dev/null
