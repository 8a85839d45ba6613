# Everything a developer needs; each target makes the Python environment first if it is missing (see .ci/venv).
.PHONY: help venv test lint types check bench demo clean
.DEFAULT_GOAL := help

# ARGS is passed on: make test ARGS='tests/unit -k config', make demo ARGS='--help'
ARGS ?=
RUN = venv=$$(.ci/venv) && PYTHONPATH=backend:tests "$$venv/bin/python"

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

venv: ## make the Python environment with the pinned development tools
	@.ci/venv

test: ## run all tests
	@$(RUN) -m pytest $(ARGS)

lint: ## look for mistakes in style
	@$(RUN) -m ruff check

types: ## check the types
	@$(RUN) -m mypy

check: lint types test ## all three

bench: ## measure the planner and the number of API calls
	@$(RUN) -m benchmark $(ARGS)

demo: ## level a simulated cluster over its HTTPS API, and watch
	@$(RUN) -m simcluster.demo $(ARGS)

clean: ## remove what was built, and caches; the Python environment stays
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis backend/*.egg-info
	find backend tests -name __pycache__ -type d -prune -exec rm -rf {} +
