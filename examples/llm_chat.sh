#!/bin/sh
# llm: a question whose answer needs a function, streamed.
set -eu
url=${ANTIPHON_URL:-http://127.0.0.1:8484/v1} model=${ANTIPHON_MODEL:-qwen2.5-coder-1.5b-instruct}

# Settings of its own, so that yours stay as they are; without this line `connect` adds the model to yours.
LLM_USER_PATH=$(mktemp -d) && export LLM_USER_PATH && trap 'rm -rf "$LLM_USER_PATH"' EXIT
antiphon connect llm --url "$url" --model "$model" --write 2>/dev/null
if [ -n "${ANTIPHON_API_KEY:-}" ]; then llm keys set antiphon --value "$ANTIPHON_API_KEY"; fi

llm -m "antiphon/$model" --functions '
def get_weather(city: str) -> str:
    "Get the current weather of a city."
    return f"18 degrees in {city}"  # a real one would ask somebody
' "${1:-What is the weather in Berlin right now?}"
