# `make help` lists the commands. Each one that needs packages runs set-up first; set-up that is up to date takes a moment.

# The interpreter that set-up starts from. Once .venv exists it is the choice, so that PYTHON=... is said only once.
PYTHON ?= $(firstword $(wildcard .venv/bin/python) python3)
# Which build of torch: auto (CUDA where an NVIDIA driver is found), cpu or cuda.
TORCH ?= auto
# Passed on: make app ARGS="--port 7861", make test ARGS="-k house".
ARGS ?=
PY := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help setup demo app check test bench clean

help: ## list these commands
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "make %-8s%s\n", $$1, $$2 }'

setup: ## make .venv with everything in it; run it again after an interruption
	@$(PYTHON) scripts/setup.py --torch $(TORCH)

demo: setup ## train, compare and inspect on a small sample, in the terminal
	@$(PY) -m steering demo $(ARGS)

app: setup ## start the app in the browser
	@$(PY) app.py $(ARGS)

check: setup ## lint, format, types and import rules
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports --no-logo --no-cache

# CHROMIUM tells the browser walks which browser to start.
test: check ## everything that CI runs: make check, then all tests with the browser walks
	@chromium=$$($(PY) scripts/browser.py) && CHROMIUM=$$chromium $(PY) -m pytest $(ARGS)

bench: setup ## a training step against PEFT's; about ten minutes, alone on the machine
	@$(PY) -m benchmarks.speed $(ARGS)

clean: ## remove .venv and every cache of the tools
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
