# Everything a developer needs; each target makes what it is missing first (see .ci/venv).
.PHONY: help venv test test-python test-trixie test-trixie-part lint types bench soak fuzz mutants truth odd demo play scenario clean
.DEFAULT_GOAL := help

# ARGS is passed on: make test-python ARGS='tests/unit -k config -n0', make demo ARGS='--help'
ARGS ?=
# Half of the time a test waits for a process or a timer, so that twice as many run at once as there are processors.
WORKERS ?= $(shell expr 2 \* $$(nproc))
# The shell gives way to Python, so that whoever ends make ends what runs.
RUN = venv=$$(.ci/venv) && export PYTHONPATH=backend:tests && exec "$$venv/bin/python"

include pve-ui/ui.mk
include packaging/packaging.mk

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: ## make the Python environment with the pinned development tools
	@.ci/venv

test: ## run all tests but those of the packages; every part, then a summary
	@MAKE="$(MAKE)" .ci/parts lint ui-lint types test-python test-ui

test-python: ## run the Python tests
	@tests/ui/need curl
	@$(RUN) -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

ON_TRIXIE = venv=$$(.ci/venv) && export PYTHONPATH=backend:tests && exec unshare --mount --propagation private "$$venv/bin/python" \
	-m debianlab.other_python trixie -n $(WORKERS) --dist worksteal
# Every module once, and what lies next to the standard library: argparse, SQLite, TLS, HTTP. The rest repeats the same code at many moments;
# how good plans are, which costs the most, is no matter of the Python below.
TRIXIE_PART = tests/unit --ignore=tests/unit/benchmark --ignore=tests/unit/planner/objective/test_objectives.py tests/scenarios tests/truth tests/engine/test_automation.py tests/engine/test_service.py \
	$(addprefix tests/integration/test_, $(addsuffix .py, check_host client_calls client_login client_secrets client_trouble command web_access web_tls))

test-trixie: ## run the Python tests under Debian 13's Python, in a chroot (root)
	@packaging/test-tools
	@$(ON_TRIXIE) $(ARGS)

test-trixie-part: ## of these those that another Python is likeliest to break, in a few minutes
	@packaging/test-tools
	@export PRS_TEST_FLAVOURS=9; $(ON_TRIXIE) $(TRIXIE_PART) $(ARGS)

lint: ## look for mistakes in style
	@$(RUN) -m ruff check

types: ## check the types
	@$(RUN) -m mypy

bench: ## measure planner, calls to PVE, web service and panel beside the rivals' figures
	@$(RUN) -m benchmark $(ARGS)

soak: ## 1000 randomised jobs with random faults, in virtual time
	@$(RUN) -m soak --seeds 1000 $(ARGS)

fuzz: ## send the web service 20000 broken requests, and each call 300 made-up bodies or as many as 40 s take; tells how many
	@export PRS_FUZZ=20000 PRS_FUZZ_EXAMPLES=300 PRS_FUZZ_SECONDS=40 PRS_FUZZ_SEED=$$(date +%s); $(RUN) -m pytest -n 2 -rP tests/integration/test_web_fuzz.py tests/integration/test_web_openapi.py $(ARGS)

mutants: ## change the deciding modules at random places, in a copy, and list the changes that no test notices
	@$(RUN) -m mutants $(ARGS)

truth: ## hold the planner's claims about 3000 small random clusters against all that is possible in them
	@$(RUN) -m truth --clusters 3000 $(ARGS)

odd: ## put every odd value into every field that is read of PVE's answers, one at a time (ARGS='--share 10': every tenth)
	@$(RUN) -m engine.odd_fields $(ARGS)

demo: ## level and drain a simulated cluster; on a terminal the web interface then stays up
	@.ci/venv >/dev/null
	@if [ -t 1 ]; then $(MAKE) --no-print-directory ui && { $(MAKE) --no-print-directory ui-ext || \
	    echo "Without ExtJS the web interface answers programs, but shows no panel." >&2; }; fi
	@$(RUN) -m simcluster.demo --cache $(UI_CACHE) $(ARGS)

play: ## play the case in DIR (any folder, see CONTRIBUTING.md): its plan, steps and end, and nothing else
	@$(RUN) -m play "$(DIR)"

scenario: ## turn SNAPSHOT, a file that a user saved, into a case in DIR that `make play` plays
	@$(RUN) -m play "$(DIR)" --snapshot "$(SNAPSHOT)"

clean: ## remove what was built, and caches; the Python environment stays
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis backend/*.egg-info
	find backend tests -name __pycache__ -type d -prune -exec rm -rf {} +
