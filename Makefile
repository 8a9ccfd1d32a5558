# Two commands set everything up on a bare machine with Python 3.11: make demo, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NEWMAN := $(VENV)-newman
HOSTS := $(VENV)-hosts
# Tests wait for processes, timers and sockets, so there are half as many again as cores.
WORKERS := $(shell echo $$(( ($$(getconf _NPROCESSORS_ONLN) * 3 + 1) / 2 )))
export PYTHONSAFEPATH := 1
# Commands start a third faster where their bytecode is kept, and tests start thousands of them.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test newman hosts postgresql java soak crash bench check lint types layers docs wheel clean

demo: $(VENV)/.user          ## Run the main job on the built-in sandbox
	$(BIN)/haloitsm demo

test: $(VENV)/.dev newman    ## Run the whole test suite
	@$(MAKE) --no-print-directory --jobs 2 hosts
	$(BIN)/pytest -n $(WORKERS) --dist worksteal $(ARGS)

newman:                      ## Get Postman's own runner for the tests of exported collections, where there is npm
	@test -x $(NEWMAN)/node_modules/.bin/newman || npm install --prefix $(NEWMAN) --no-audit --no-fund --silent newman@6.2.2 \
	  || echo "newman could not be installed; the tests that run collections in it are skipped."

hosts: $(patsubst tests/hosts/environments/%.txt,$(HOSTS)/%/.ready,$(wildcard tests/hosts/environments/*.txt))  ## Install every host that the connector is tested in, each aside

$(HOSTS)/%/.ready: tests/hosts/environments/%.txt pyproject.toml
	@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

postgresql:                  ## Get a PostgreSQL server for the tests of the state, where there is none: as root, or by sudo
	@command -v postgres >/dev/null || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || { \
	  as_root="env DEBIAN_FRONTEND=noninteractive"; [ "$$(id -u)" = 0 ] || as_root="sudo -n $$as_root"; \
	  { $$as_root apt-get update -q; $$as_root apt-get install -q -y --no-install-recommends postgresql; } \
	  || { echo "No PostgreSQL server is here, and none can be installed. Install one (Debian: apt-get install postgresql)."; exit 1; }; }

java:                        ## Get a Java for the tests of Spark, where there is none: as root, or by sudo
	@command -v java >/dev/null || { \
	  as_root="env DEBIAN_FRONTEND=noninteractive"; [ "$$(id -u)" = 0 ] || as_root="sudo -n $$as_root"; \
	  { $$as_root apt-get update -q; $$as_root apt-get install -q -y --no-install-recommends openjdk-17-jre-headless; } \
	  || { echo "No Java is here, and none can be installed. Install one (Debian: apt-get install openjdk-17-jre-headless)."; exit 1; }; }

soak: export PYTHONPATH = tests/promises
soak: $(VENV)/.dev           ## Play 50,000 scenarios of what can go wrong (others: ARGS=--help), or one again: SEED=17
	$(BIN)/python -W error -m soak $(SEED) $(ARGS)

crash: $(VENV)/.dev          ## Kill runs hundreds of times, at any instant; or play one scenario again: SEED=17
	$(BIN)/python -W error tests/runner/crashes.py $(SEED) $(ARGS)

bench: export PYTHONPATH = benchmarks
bench: $(VENV)/.dev hosts    ## Measure reading and writing against their bars; takes minutes, installs other packages aside
	$(BIN)/python benchmarks/read.py
	$(BIN)/python benchmarks/write.py
	$(BIN)/python benchmarks/runner.py
	$(BIN)/python benchmarks/store.py
	$(BIN)/python benchmarks/bulk.py
	$(BIN)/python benchmarks/transformers.py
	$(BIN)/python benchmarks/hosts.py

check: lint types layers docs wheel  ## Everything CI checks besides the tests

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.dev
	$(BIN)/mypy

layers: $(VENV)/.dev
	$(BIN)/lint-imports

docs: $(VENV)/.dev           ## Fail when a generated page or the editor schema is stale (mend: make docs ARGS=--write)
	$(BIN)/python docs/generate.py $(ARGS)

wheel: $(VENV)/.dev          ## Build the wheel and test it where the sources are not
	rm -rf dist $(VENV)-wheel
	$(BIN)/python -m build --wheel --outdir dist .
	$(PYTHON) -m venv $(VENV)-wheel
	$(VENV)-wheel/bin/pip install --quiet --disable-pip-version-check dist/*.whl pytest hypothesis
	folder=$$(mktemp -d) && cp -r tests/conftest.py tests/pipeline $$folder && cd $$folder && \
	  $(CURDIR)/$(VENV)-wheel/bin/haloitsm demo && \
	  $(CURDIR)/$(VENV)-wheel/bin/pytest -q --import-mode=importlib -W error -o markers=slow -p no:cacheprovider . && rm -r $$folder

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.user: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@ $(VENV)/.user

clean:
	rm -rf $(VENV) $(VENV)-wheel $(VENV)-bench $(HOSTS) dist out .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
