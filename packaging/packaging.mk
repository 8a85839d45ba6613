# Packages and their tests; included by the Makefile. Root is needed for test-packages only.
.PHONY: deb repo rpm freebsd test-packages release

PACKAGES = build/packages

deb: ## build both Debian packages into build/packages
	@packaging/build-deb $(PACKAGES)

repo: deb ## make a signed apt repository of them in build/repo; KEY names a key of gpg's, else one is made
	@packaging/build-repo $(PACKAGES) build/repo $(KEY)

rpm: ## build the core package for Fedora and Enterprise Linux
	@packaging/build-rpm $(PACKAGES)

freebsd: ## build the core package for FreeBSD
	@packaging/freebsd/build $(PACKAGES)

# In a mount namespace of its own, so that an interrupted run leaves no mounts behind.
test-packages: deb rpm freebsd ## install, upgrade, boot and purge the packages in Debian 12 and 13 (root)
	@packaging/test-tools
	@$(RUN_AS_ROOT)

# Most of the time a machine boots or waits. In the order of the files: the longest waits, of test_bare.py, come first.
RUN_AS_ROOT = venv=$$(.ci/venv) && PYTHONPATH=backend:tests PRS_PACKAGES=$(abspath $(PACKAGES)) \
	unshare --mount --propagation private "$$venv/bin/python" -m pytest tests/packaging -n 4 --dist loadgroup --no-loadscope-reorder $(ARGS)

release: ## make the tree that of a release: VERSION=1.2.3; the steps are in CONTRIBUTING.md
	@packaging/release "$(VERSION)"
