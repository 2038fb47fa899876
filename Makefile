# Every target sets up what it needs, once, and says so. ARGS is passed on: make serve ARGS="--port 9000"
# Needed beforehand: make and Python 3.11 or newer. No compiler, no other tool.

.DEFAULT_GOAL := help
.PHONY: help serve test check soak bench docs clean
.DELETE_ON_ERROR:
# Without what is kept compiled, each of the two processes of the tests takes twelve seconds more to begin.
unexport PYTHONDONTWRITEBYTECODE

ARGS ?=
PART ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --only-binary :all: --constraint constraints.txt
SOURCES := pyproject.toml constraints.txt
# The parts of soak and bench that do without the default model (tests/crash, tests/clients, and bench/ by name).
LIGHT := access clients crash decode grammars infercom proxy schemas signatures store turns unenforceable
FETCH = $(if $(filter $(LIGHT),$(PART)),true,$(BIN)/antiphon pull qwen2.5-coder-1.5b-instruct)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' Makefile

serve: $(VENV)/base ## serve the default model on 127.0.0.1:8484; the first start fetches it (1.1 GB)
	@exec $(BIN)/antiphon serve $(ARGS)

test: $(VENV)/dev ## run the tests, with the scripted model and a small real one (98 MB, fetched once)
	@echo "== tests (the first run fetches the small model into .models)"
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(VENV)/dev ## look at the code: style, types, layers, sizes
	@failed=""; \
	look() { echo "== $$*"; "$$@" || failed="$$failed; $$*"; }; \
	look $(BIN)/ruff check --quiet .; \
	look $(BIN)/ruff format --quiet --check .; \
	look $(BIN)/mypy --strict; \
	look $(BIN)/lint-imports --no-logo; \
	look $(BIN)/python scripts/sizes.py; \
	if [ -n "$$failed" ]; then echo "failed$$failed"; exit 1; fi

soak: $(VENV)/dev ## run the long tests, with the default model; PART=name chooses among them
	@$(FETCH)
	@$(BIN)/python -m pytest -m "soak or default_model" $(if $(PART),-k "$(PART)") $(ARGS)

bench: PART := $(or $(PART),proxy)
bench: $(VENV)/dev ## measure the server as a proxy, beside others; PART=name measures another part of bench/
	@$(FETCH)
	@exec $(BIN)/python -m bench.$(PART) $(ARGS)

docs: $(VENV)/docs ## build the documents as a site, in site/
	@$(BIN)/zensical build $(ARGS)

clean: ## remove the virtual environment and what the tools left
	rm -rf $(VENV) site build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# The project itself is built here from its sources; all else must come as wheels, so no compiler is needed.
$(VENV)/base: $(SOURCES) | $(BIN)/python
	@echo "== installing Antiphon and what it runs on into $(VENV) (once; about a minute)"
	@$(PIP) pip hatchling editables
	@$(PIP) --no-build-isolation --editable .
	@touch $@

$(VENV)/dev: $(VENV)/base
	@echo "== installing what the tests and checks need into $(VENV) (once)"
	@$(PIP) --no-build-isolation --editable '.[dev]'
	@touch $@

$(VENV)/docs: $(VENV)/base
	@echo "== installing what builds the documents into $(VENV) (once)"
	@$(PIP) --no-build-isolation --editable '.[docs]'
	@touch $@

$(BIN)/python:
	@sh scripts/venv.sh $(VENV)
