# Two commands from a fresh clone: `make demo` and `make test`. Needs Python 3.10 to 3.13, Node 20
# with npm, and make. Everything is installed into .venv and js/node_modules; stamps in
# .venv/.stamps remember what is already done, so the second call is quick.

ifndef PYTHON
PYTHON := $(shell for p in python3.11 python3.12 python3.13 python3.10 python3 python; do \
  command -v $$p >/dev/null 2>&1 && \
  $$p -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' 2>/dev/null && \
  echo $$p && break; done)
endif

VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
CONSTRAINTS := .ci/constraints.txt
UV := $(BIN)/uv pip install --python $(BIN)/python
PINNED := -c $(CONSTRAINTS) --build-constraints $(CONSTRAINTS)
# What must pass wherever the package runs: with another Python, with the oldest dependencies.
# Neither a browser nor a JupyterHub is needed for it.
PORTABLE := $(addprefix tests/,protocol store broker client cli server standalone kernel)
FRONT_END := $(shell find js -name node_modules -prune -o -name lib -prune -o -type f -print)
# Most tests wait for a server, a kernel or a browser: a machine with more cores takes more workers.
WORKERS ?= 3
# With COVERAGE=1: the lines that no test reached.
COV := $(if $(COVERAGE),--cov --cov-report=term:skip-covered --cov-report=xml:test-results/coverage.xml)
# Of a whole run: the slowest tests as well.
WHOLE := --durations=30 $(COV)
SAY = @printf '\n\033[1m==> %s\033[0m\n'

.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo demo-team test check test-js test-python test-portable test-lowest test-python313 docs \
  screenshots chaos soak bench bench-quick build constraints clean
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' Makefile

demo: $(STAMPS)/package ## JupyterLab on the quickstart notebook; HEADLESS=1: the same without a browser
	$(SAY) "Demo"
	$(BIN)/python notebooks/demo.py $(if $(filter-out 0,$(HEADLESS)),--headless)

demo-team: $(STAMPS)/package ## three servers over PostgreSQL, two people's inboxes; HEADLESS=1: plays it through
	@$(BIN)/python -m examples.team $(if $(filter-out 0,$(HEADLESS)),--headless)

test: check test-js test-python ## every test

check: $(STAMPS)/test ## lint, format, types, import law, spelling
	$(SAY) "Lint, format, types, import law, spelling"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --cache-dir $(VENV)/.import_linter_cache
	$(BIN)/codespell

test-js: $(STAMPS)/package ## the front end's lint, types, generated code and tests
	$(SAY) "Front end: lint, types, generated code, tests"
	npm --prefix js run --silent lint
	npm --prefix js run --silent typecheck
	cd js && PYTHON="$(CURDIR)/$(BIN)/python" npm run --silent generate:check
	cd js && npm test --silent

test-python: $(STAMPS)/test $(STAMPS)/hub ## pytest: units to browser; WORKERS=2; COVERAGE=1: with a report (slower)
	$(SAY) "pytest (PYTEST=... chooses, e.g. PYTEST='tests/server -k sse')"
ifdef PYTEST
	$(BIN)/python -m pytest $(COV) $(PYTEST)
else
	$(BIN)/python -m pytest $(WHOLE) -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not alone and not pictures"
	$(BIN)/python -m pytest $(WHOLE) $(if $(COVERAGE),--cov-append) -m alone
endif

test-portable: $(STAMPS)/tools
	$(SAY) "pytest: units, stores, server, standalone server and kernel ($(VENV))"
	$(BIN)/python -m pytest -n 2 --dist loadfile $(PORTABLE) -m "not alone and not browser"

test-lowest: ## units, server and kernel tests with the oldest versions that pyproject.toml allows
	$(MAKE) VENV=.venv-lowest .venv-lowest/.stamps/lowest
	$(MAKE) VENV=.venv-lowest --assume-old .venv-lowest/.stamps/tools test-portable

test-python313: ## the same on Debian trixie's Python 3.13, as root, with debootstrap
	.ci/in_debian.sh trixie make PYTHON=python3.13 test-portable

docs: $(STAMPS)/test ## the documentation site in build/docs/html: runs the notebooks, checks every link
	$(SAY) "Documentation site"
	rm -rf build/docs
	SITE=build/docs $(BIN)/python -m pytest tests/notebooks/test_site.py
	@echo "$(CURDIR)/build/docs/html/index.html"

screenshots: $(STAMPS)/test ## make docs/images again
	UPDATE_IMAGES=1 $(BIN)/python -m pytest tests/e2e/test_screenshots.py

chaos: $(STAMPS)/test ## thousands of seeded crash runs; N=3000 of them, MINUTES=30 at most
	$(SAY) "Crash tests"
	$(BIN)/python -m tests.chaos --runs $(or $(N),3000) --minutes $(or $(MINUTES),30)

soak: $(STAMPS)/test ## ten minutes of load, and every fault of the network; SOAK_SECONDS=600, SOAK_IDLE=5000
	$(SAY) "Soak"
	SOAK=1 $(BIN)/python -m pytest -s tests/soak
	SOAK=1 $(BIN)/python -m pytest tests/faults tests/hostile
	$(BIN)/python -m tests.soak.loads

bench: $(STAMPS)/test ## measure everything beside its peers (10 minutes, a quiet machine) into docs/performance.md
	$(SAY) "Benchmarks"
	$(BIN)/python -m benchmarks --report

bench-quick: $(STAMPS)/test ## the same, small, within a minute; writes nothing
	$(SAY) "Benchmarks, small"
	$(BIN)/python -m benchmarks --quick

build: $(STAMPS)/test ## wheel and sdist in dist/
	$(SAY) "Wheel and sdist"
	rm -rf dist crewai_hitl_nb/labextension crewai_hitl_nb/server/page/static crewai_hitl_nb/widget/static
	$(BIN)/uv build --python $(BIN)/python --build-constraints $(CONSTRAINTS)

constraints: $(STAMPS)/venv ## pin every dependency anew, for all supported Pythons
	$(BIN)/uv pip compile --quiet --universal --python-version 3.10 --no-python-downloads \
	  --all-extras --group dev --no-annotate --no-header -o $(CONSTRAINTS) pyproject.toml

clean: ## remove everything that was built or installed
	rm -rf .venv .venv-lowest .demo dist build test-results js/node_modules js/lib tests/hub/node_modules \
	  crewai_hitl_nb/labextension crewai_hitl_nb/server/page/static crewai_hitl_nb/widget/static
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---------------------------------------------------------------- what is done only once

$(STAMPS)/venv:
	@test -n "$(PYTHON)" || { echo "Python 3.10 to 3.13 is needed (make PYTHON=... names one)"; exit 1; }
	@command -v npm >/dev/null || { echo "Node 20 with npm is needed for the front end"; exit 1; }
	$(SAY) "Virtual environment $(VENV) ($(PYTHON))"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(CONSTRAINTS) uv
	@mkdir -p $(STAMPS) && touch $@

# The build hook in pyproject.toml runs npm; so this builds the front end, too.
$(STAMPS)/package: $(STAMPS)/venv pyproject.toml $(CONSTRAINTS) jupyter-config $(FRONT_END)
	$(SAY) "Package, crewAI, JupyterLab and the front end"
	$(UV) $(PINNED) --reinstall-package crewai-hitl-nb -e '.[crewai,demo,postgres]'
	@touch $@

$(STAMPS)/tools: $(STAMPS)/package
	$(SAY) "Test tools"
	$(UV) $(PINNED) --group dev
	@touch $@

$(STAMPS)/test: $(STAMPS)/tools
	@$(BIN)/python tests/e2e/chromium.py
	@touch $@

$(STAMPS)/lowest: $(STAMPS)/venv pyproject.toml jupyter-config $(FRONT_END)
	$(SAY) "Package, crewAI, JupyterLab and test tools at their lowest versions"
	$(UV) --resolution lowest-direct --reinstall-package crewai-hitl-nb -e '.[crewai,demo,postgres]' --group test
	@touch $@

$(STAMPS)/hub: tests/hub/package.json tests/hub/package-lock.json $(STAMPS)/venv
	$(SAY) "JupyterHub's proxy, for the tests"
	cd tests/hub && npm ci --silent
	@touch $@
