# Everything happens in .venv; nothing outside this folder is touched.
#
#   make run          start the demo
#   make test         lint, types, layering contracts, the whole test suite
#   make lint         the first three alone
#   make compiled     build the request path as machine code into build/compiled; needs a C compiler
#   make test-compiled  the tests of what is compiled, against that
#   make conformance  write CONFORMANCE.md from the tests' markers
#   make metrics      write METRICS.md from the table in the code
#   make docs         build the documentation into site/
#   make reference    write the pages that are made from the code: configuration, commands, messages
#   make picture      write the README's picture from a real run
#   make bench        measure, here, beside other proxies
#   make soak         100,000 requests under random faults, each accounted for exactly once
#   make clean        remove what the above have made

PYTHON ?= python3
BIN := .venv/bin
COMPILED := PYTHONPATH=$(CURDIR)/build/compiled $(BIN)/python
TESTS_OF_THE_COMPILED := tests/protocol tests/exchange tests/testing tests/end_to_end tests/control/test_build.py

.PHONY: run test lint compiled test-compiled bench soak conformance metrics docs reference picture clean
.DEFAULT_GOAL := test

run: .venv/installed
	@$(BIN)/edgeproxy demo

test: .venv/installed-test lint
	$(BIN)/pytest -n 2

lint: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

compiled: build/compiled/.built

test-compiled: compiled
	$(COMPILED) -P -m edgeproxy --version | grep compiled
	$(COMPILED) -m pytest -n 2 -m 'not slow' -o 'pythonpath=build/compiled .' $(TESTS_OF_THE_COMPILED)

conformance: .venv/installed-test
	$(BIN)/python tests/conformance_report.py

metrics: .venv/installed-test
	$(BIN)/python tests/metrics_table.py

docs: .venv/installed-test
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

reference: .venv/installed-test
	$(BIN)/python -m tests.docs.configuration_page
	$(BIN)/python -m tests.docs.commands_page
	$(BIN)/python -m tests.docs.messages_page

picture: .venv/installed-test
	$(BIN)/python -m tests.docs.picture

bench: .venv/installed-test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	@if command -v $(firstword $(CC)) >/dev/null; then $(MAKE) compiled; else echo "No C compiler: no compiled build."; fi
	$(BIN)/python -m tests.bench

soak: .venv/installed-test
	$(BIN)/python -m tests.end_to_end.soak

clean:
	rm -rf .venv site dist build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

build/compiled/.built: hatch_build.py pyproject.toml $(shell find edgeproxy -name '*.py') | .venv/installed-test
	rm -rf build/compiled
	EDGEPROXY_COMPILE=1 $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target build/compiled .
	@touch $@

# The package is installed editable: a change of the code needs no second installation, a change of pyproject.toml does.
.venv/installed: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

.venv/installed-test: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch .venv/installed $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "edgeproxy needs Python 3.11 or later, and '$(PYTHON)' is none. Name one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { \
	  echo "'$(PYTHON) -m venv' failed. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
