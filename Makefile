# `make` lists what there is. Needed: Python 3.11 or newer with venv, and make. No compiler.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
# uv takes the Python that is here, it does not fetch one.
export UV_PYTHON_DOWNLOADS := never

.DEFAULT_GOAL := help
.PHONY: help install demo test lab lint bench faults

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s  %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install: $(STAMP)  ## make .venv with the library, JupyterLab and the tools of the tests

demo: $(STAMP)  ## a recorded conference through the real thing: Redis, archive, trends (no network)
	$(BIN)/rtanalytics demo

test: $(STAMP)  ## the fast tests (about three minutes on two cores); they need nothing but Python and make
	$(BIN)/python -m pytest -n logical --dist loadfile -m "not full and not slow and not data and not browser"

lab: $(STAMP)  ## JupyterLab on the notebooks; ARGS="--no-browser --port 8899" are its own options
	$(BIN)/rtanalytics lab -- $(ARGS)

bench: $(STAMP)  ## benchmarks, each beside its baseline, on the bundled recording
	$(BIN)/python benchmarks/append.py
	$(BIN)/python benchmarks/replay.py data/fixtures/recordings/juniperconf-2026

faults: $(STAMP)  ## twelve sources together, each treated badly in turn; needs the program inspircd
	$(BIN)/python -m pytest -s -q tests/faults -m slow

lint: $(STAMP)  ## style, formatting, types, and who imports whom
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# Nothing is done again unless what it was made from has changed. An environment that was cut short
# while it was made is made anew. A Python is tried by running it: what is on the PATH may be a
# version manager's shim for a Python that is not there.
$(STAMP): pyproject.toml constraints.txt
	@if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	    found=; \
	    for python in $(PYTHON) python3.11 python3.12 python3.13 python3; do \
	        $$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	            && found=$$python && break; \
	    done; \
	    if [ -z "$$found" ]; then \
	        echo 'no Python 3.11 or newer with venv found: install one (Debian: apt-get install' \
	             'python3-venv) or name it: make install PYTHON=...' >&2; exit 1; \
	    fi; \
	    echo "Creating $(VENV) with $$found."; $$found -m venv --clear $(VENV); \
	fi
	@echo 'Installing rtanalytics and its libraries into $(VENV): about a minute the first time.'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv \
	    && $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -c constraints.txt -e '.[all,test]' \
	    || { echo 'uv failed; trying pip instead'; \
	         $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all,test]'; }
	@touch $(STAMP)
