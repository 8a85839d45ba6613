# The panel: build, tests, pictures. The build needs python3 only; the rest downloads its libraries once into the cache.
.PHONY: ui ui-ext ui-lint test-ui screenshots

PRS_VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' backend/prs/__init__.py)
UI_CACHE = $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/prs-test/ui
UI_EXT = $(UI_CACHE)/ext/charts.js

ui: ## build the panel for PVE's interface and the stand-alone page
	@rm -rf build/ui/www build/ui/js
	@command -v $(or $(PYTHON),python3) >/dev/null || .ci/venv >/dev/null
	@$(or $(PYTHON),python3) pve-ui/bundle $(PRS_VERSION) build/ui/js
	@mkdir -p build/ui/www
	@cp build/ui/js/* pve-ui/standalone/* build/ui/www/

# One call fetches all that is in the cache.
$(UI_EXT):
	@venv=$$(.ci/venv) && "$$venv/bin/python" tests/ui/fetch-ext $(UI_CACHE)

ui-ext: $(UI_EXT)

ui-lint: ## check the panel's style
	@biome=$$(.ci/venv)/bin/biome && cd pve-ui && "$$biome" check --error-on-warnings . && \
	    cd ../tests/ui && "$$biome" check --error-on-warnings --config-path=../../pve-ui/biome.json .

# The library is what Playwright's own driver needs beyond a bare Debian 12.
NEEDED_BY_BROWSER = chromium libatomic.so.1:libatomic1

test-ui: ui ui-ext ## click through the panel in Chromium
	@tests/ui/need $(NEEDED_BY_BROWSER)
	@export UI_CACHE=$(UI_CACHE); $(RUN) -m pytest -n 3 --dist loadfile tests/ui $(ARGS)

screenshots: ui ui-ext ## draw the pictures of the README
	@tests/ui/need $(NEEDED_BY_BROWSER)
	@$(RUN) -m ui.screenshots $(UI_CACHE) docs
	@tests/ui/palette $(foreach name,plan drain job strip settings rules loads,docs/$(name).png docs/$(name)-dark.png)
