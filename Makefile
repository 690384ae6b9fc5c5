# make demo   sets up and runs the whole journey on the sample project with the built-in model
# make test   sets up and passes all checks, and all tests but slow and GPU ones (make test-slow)
PYTHON ?= python3.11
BIN := .venv/bin
# Most of the time that an installation takes is for compiling modules that nothing imports.
PIP := $(BIN)/python -m pip install -q --no-compile -c constraints.txt
export HF_HUB_OFFLINE ?= 1

.PHONY: demo test check test-slow clean

demo: .venv/ready
	$(BIN)/faqtune demo

test: .venv/ready-dev check
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 --dist loadgroup -m "not slow and not gpu"

check: .venv/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -n 2
	$(BIN)/lint-imports
	$(BIN)/python tools/docs.py --check

test-slow: .venv/ready-dev
	$(BIN)/pytest -q -m "slow or gpu"

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(PIP) torch
	$(PIP) -e ".[builtin]"
	touch $@

.venv/ready-dev: .venv/ready
	$(PIP) -e ".[dev]"
	touch $@

clean:
	rm -rf .venv demo .mypy_cache .pytest_cache .ruff_cache .hypothesis
