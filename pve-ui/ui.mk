# The panel: build, tests, pictures. The build needs python3 only; the rest downloads its tools once into the cache.
.PHONY: ui ui-tools ui-ext ui-lint test-ui screenshots

PRS_VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' backend/prs/__init__.py)
UI_CACHE = $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/prs-test/ui
UI_TOOLS = $(UI_CACHE)/node_modules/.tools-$(shell cksum tests/ui/package-lock.json | cut -d ' ' -f 1)
UI_EXT = $(UI_CACHE)/ext

ui: ## build the panel for PVE's interface and the stand-alone page
	rm -rf build/ui/www build/ui/js
	pve-ui/bundle $(PRS_VERSION) build/ui/js
	mkdir -p build/ui/www
	cp build/ui/js/* pve-ui/standalone/* build/ui/www/

$(UI_TOOLS):
	@tests/ui/need node:nodejs npm chromium
	mkdir -p $(UI_CACHE)
	cp tests/ui/package.json tests/ui/package-lock.json $(UI_CACHE)/
	cd $(UI_CACHE) && npm ci --no-audit --no-fund --silent
	touch $@

# The whole of npm's extjs-gpl has 570 MB; these files are what a page needs, in the layout of a node's /usr/share/javascript/extjs.
$(UI_EXT)/ext-all.js:
	@tests/ui/need node:nodejs npm
	tests/ui/get-ext $(UI_EXT)

ui-tools: $(UI_TOOLS)

ui-ext: $(UI_EXT)/ext-all.js

ui-lint: ui-tools ## check the panel's style
	cd pve-ui && $(UI_CACHE)/node_modules/.bin/biome check --error-on-warnings .
	cd tests/ui && $(UI_CACHE)/node_modules/.bin/biome check --error-on-warnings --config-path=../../pve-ui/biome.json .

test-ui: ui ui-lint ui-ext ## click through the panel in Chromium
	cd tests/ui && UI_CACHE=$(UI_CACHE) node --test --test-concurrency=3 $(ARGS)

screenshots: ui ui-tools ui-ext ## draw the pictures of the README
	cd tests/ui && UI_CACHE=$(UI_CACHE) node screenshots.mjs ../../docs
	tests/ui/palette docs/plan.png docs/drain.png docs/job.png
