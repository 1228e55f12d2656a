# Everything from nothing but Python 3.11+ and make. `make demo` and `make test` make their own virtual environment.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help demo test check bench clean

help:
	@echo "make demo   the whole pipeline on two small synthetic corpora (no key, no GPU, no download)"
	@echo "make test   all tests"
	@echo "make check  lint, types, import rules"
	@echo "make bench  every ordered pair of ../shared/data, where it is present"

demo: $(STAMP)
	$(BIN)/mifuse demo

# One more than there are cores: many tests wait for a process, a server or a clock.
test: $(STAMP)
	$(BIN)/pytest -n $$(( $$(getconf _NPROCESSORS_ONLN) + 1 )) --dist loadfile

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)
	$(BIN)/python -m bench.transfers

# torch first: asked for by another package it would come with several GB of CUDA where none is installed yet.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mifuse needs Python 3.11 or newer; give one with: make PYTHON=python3.12 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $(STAMP)

clean:
	rm -rf $(VENV) build *.egg-info
