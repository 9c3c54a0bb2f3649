# The one entry for chores. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/sh
BIN := .venv/bin
.PHONY: help setup demo test bench sabotage mutation long lint format lock clean

help: ## list the chores
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

setup: ## make .venv with the pinned packages and .venv/bin/ringwall
	@sh scripts/setup.sh

demo: setup ## start a hub and five members on this machine and play the scenario
	@$(BIN)/ringwall demo

test: setup ## style, types, arrows between rooms, and the whole test suite
	@sh scripts/test.sh

bench: setup ## measure; print a table and write benches/results.json
	@$(BIN)/python -m benches

sabotage: setup ## plant faults one at a time in a copy; each must turn a named test red
	@$(BIN)/python -m sabotage

mutation: setup ## change policy and trust in every small way; 85 % must turn a test red (ROOM=policy)
	@$(BIN)/python -m mutation $(ROOM)

long: setup ## the tests that take long: many kills, large inputs
	@$(BIN)/pytest -m long

lint: setup ## style, types and arrows only
	@sh scripts/test.sh lint

format: setup ## put the code into the house style
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format --quiet .

lock: ## renew requirements.txt from pyproject.toml (needs uv)
	@sh scripts/lock.sh

clean: ## remove everything these chores have made
	@rm -rf .venv .peers .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	@find src tests benches sabotage mutation -name __pycache__ -type d -prune -exec rm -rf {} +
	@rm -f benches/results.json uv.lock
