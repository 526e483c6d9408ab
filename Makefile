# Two commands set everything up: `make run` shows Styxy at work, `make test` proves it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
PROGRAMS := .cache/programs
AGENTS := .cache/agents
SITE := .cache/site
TOOLS := .cache/tools
PEERS := .cache/peers
DEVELOPING := tests/programs/developing
PIP := $(BIN)/python -m pip --disable-pip-version-check
LIBRARY := src/styxy/native/libstyxy.so
SUPERVISOR := src/styxy/native/styxy-seccomp
HOOK := src/styxy/native/styxy-hook

# What an installation depends on; the sources need no reinstall, because it is editable.
BUILD_INPUTS := pyproject.toml hatch_build.py scripts/shell_files.py src/styxy/__init__.py $(shell find native -type f 2>/dev/null)
COMPAT_TESTS := $(addprefix tests/programs/test_,\
	conflicts.py no_conflict.py clients.py reloads.py worktrees.py browser_suites.py connect_first.py pages.py never_worse.py)

WORKFLOWS := $(wildcard .github/workflows/*.yml)
ISSUE_CONFIG := .github/ISSUE_TEMPLATE/config.yml
ISSUE_FORMS := $(filter-out $(ISSUE_CONFIG),$(wildcard .github/ISSUE_TEMPLATE/*.yml))

# Tests wait a good deal, so there are more workers than cores of a small machine. Many more would keep
# a daemon from answering a guest within its deadline.
TEST_WORKERS ?= 4
SLOW_TEST_WORKERS ?= 3
# Or quick, with a quarter of the examples of each property.
HYPOTHESIS_PROFILE ?= thorough
# The tests start thousands of Pythons. Where this is set, each would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test test-slow check bench soak docs pictures clean programs compat agents hooks wheels release-tools deb sbom lock site

help:
	@echo "make run        install into $(VENV) and see Styxy move a server from a busy port"
	@echo "make test       run the tests, side by side (PYTEST_ARGS='-n0 -k name' for some, one by one)"
	@echo "make test-slow  run the slow ones: wheels, sanitizers, fuzzing, browsers, most programs, the benchmark"
	@echo "make compat     drive every real program, the slow ones too, and write docs/compatibility.md"
	@echo "make agents     drive the real coding agents against a model of our own, and write docs/agents.md"
	@echo "make check      format, lint, types, layout, C warnings, workflows"
	@echo "make bench      measure, and print one table"
	@echo "make soak       run everything at once for 15 minutes and count what was lost; then each promise, and a full house"
	@echo "make docs       write what is derived from the code: tables of documents, files of plugins"
	@echo "make site       build the documents as a site, in site/"
	@echo "make pictures   draw the pictures of README and docs from a real daemon with three worktrees"
	@echo "make wheels     build what a release has, for every machine, into dist: the source archive and the wheels"
	@echo "make deb        build a package for Debian and Ubuntu from the wheel for this machine, into dist/deb"
	@echo "make sbom       write what the wheel runs with, and what is compiled into it (CycloneDX), into dist/sbom"
	@echo "make lock       write every version that development and Styxy itself run with, with hashes"
	@echo "make clean      remove what the others made"

run: $(STAMPS)/base
	@$(BIN)/python scripts/demo.py

test: $(STAMPS)/dev programs hooks
	$(BIN)/python -m pytest -q -n $(TEST_WORKERS) --dist worksteal --own-network -m "not slow and not hypothesis and not alone" $(PYTEST_ARGS)

# Properties, which Hypothesis tries, are tried here, with all of their examples.
test-slow: $(STAMPS)/dev programs $(PROGRAMS)/python-arm64 release-tools $(SITE)/.installed
	$(BIN)/python -m pytest -q -n $(SLOW_TEST_WORKERS) --dist worksteal --own-network -m "(slow or hypothesis) and not alone" --hypothesis-profile $(HYPOTHESIS_PROFILE) $(PYTEST_ARGS)
	$(BIN)/python -m pytest -q -m alone $(PYTEST_ARGS)

check: $(STAMPS)/dev hooks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_layout.py tests/native/test_layout.py
	$(BIN)/python scripts/check_c.py
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows $(WORKFLOWS)
	$(BIN)/check-jsonschema --builtin-schema custom.github-workflows-require-timeout $(WORKFLOWS)
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms $(ISSUE_FORMS)
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-config $(ISSUE_CONFIG)
	$(BIN)/zizmor --offline --quiet .github

bench: $(STAMPS)/dev $(PEERS)/.installed
	@$(BIN)/python -m bench $(BENCH_ARGS)

compat: $(STAMPS)/compat $(PROGRAMS)/.complete $(TOOLS)/.installed .cache/python/.installed
	STYXY_COMPAT=1 $(BIN)/python -m pytest $(COMPAT_TESTS) $(PYTEST_ARGS)

agents: $(STAMPS)/dev $(AGENTS)/.installed
	STYXY_AGENTS=1 $(BIN)/python -m pytest -m agents tests/agents $(PYTEST_ARGS)

soak: $(STAMPS)/dev
	@$(BIN)/python -m bench.soak $(SOAK_ARGS)
	STYXY_SOAK=1 $(BIN)/python -m pytest -s tests/promises
	@$(BIN)/python -m bench.growth

docs: $(STAMPS)/dev
	@$(BIN)/python scripts/tables.py
	@$(BIN)/python scripts/plugin_files.py

site: $(SITE)/.installed
	@test -e $<
	@NO_MKDOCS_2_WARNING=1 $(SITE)/bin/python -m mkdocs build --strict

pictures: $(STAMPS)/dev programs
	@$(BIN)/python -m scripts.pictures

wheels: $(STAMPS)/release
	@$(BIN)/python -m scripts.release.wheels

deb: wheels
	@$(BIN)/python -m scripts.release.deb

sbom: wheels
	@$(BIN)/python -m scripts.release.sbom

# For every Python and system at once, so that whoever writes it changes nothing for others.
LOCKS := scripts/release/locks
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command "make lock" $(LOCK_ARGS)
lock: $(STAMPS)/dev
	$(LOCK) pyproject.toml -o $(LOCKS)/running.txt
	$(LOCK) pyproject.toml --all-extras -o $(LOCKS)/development.txt

# The check of commit messages, for checkouts that have no hooks of their own. This never fails.
hooks:
	@sh scripts/turn_on_hooks.sh

# Real programs from npm, for the tests that drive them; `make compat` gets the large ones, too. Without
# npm, or without its registry, those tests are skipped by name, so this never fails. An older glibc comes
# from Debian in the same way.
programs: $(PROGRAMS)/.installed $(PROGRAMS)/glibc-2.31

$(PROGRAMS)/.installed: OMIT := --omit=dev
$(PROGRAMS)/.installed $(PROGRAMS)/.complete: tests/programs/package.json
	@mkdir -p $(PROGRAMS)
	@cp tests/programs/package.json $(PROGRAMS)/
	@if ! command -v npm >/dev/null; then echo "There is no npm here: the tests with its programs will be skipped."; \
	elif npm install --prefix $(PROGRAMS) $(OMIT) --no-package-lock --no-audit --no-fund --no-update-notifier --loglevel=error; then touch $@ $(PROGRAMS)/.installed; \
	else echo "npm could not install all of its programs: the tests with the others will be skipped."; fi

# What the benchmark measures beside Styxy. As above, this never fails: the table says what was left out.
$(PEERS)/.installed: bench/package.json
	@mkdir -p $(PEERS)
	@cp $< $(PEERS)/
	@if ! command -v npm >/dev/null; then echo "There is no npm here: portless will be left out of the table."; \
	elif npm install --prefix $(PEERS) --ignore-scripts --no-package-lock --no-audit --no-fund --no-update-notifier --loglevel=error; then touch $@; \
	else echo "npm could not install portless: it will be left out of the table."; fi

# What web and data developers start, two and a half gigabytes of it. Each has what it brings, whatever the others
# want; no script of a package runs. As above, this never fails.
$(TOOLS)/.installed: $(DEVELOPING)/package.json
	@mkdir -p $(TOOLS)
	@cp $< $(TOOLS)/
	@if ! command -v npm >/dev/null; then echo "There is no npm here: the tests with its programs will be skipped."; \
	elif npm install --prefix $(TOOLS) --legacy-peer-deps --ignore-scripts --no-package-lock --no-audit --no-fund --no-update-notifier --loglevel=error; then touch $@; \
	else echo "npm could not install all of its programs: the tests with the others will be skipped."; fi

.cache/python/.installed: $(DEVELOPING)/requirements.txt
	@echo "Installing what developers start in Python into .cache/python"
	@$(PYTHON) -m venv .cache/python
	@if .cache/python/bin/python -m pip --disable-pip-version-check install --quiet -r $<; then touch $@; \
	else echo "pip could not install all of its programs: the tests with the others will be skipped."; fi

# An environment of its own: it brings watchdog, with which Flask's reloader would watch all of $(VENV). Never fails,
# as above; `make site` looks whether it is there.
$(SITE)/.installed: pyproject.toml $(BIN)/python
	@echo "Installing what builds the site into $(SITE)"
	@$(PYTHON) -m venv $(SITE)
	@$(BIN)/python -c 'import tomllib; extras = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]; print(*extras["docs"], sep="\n")' > $(SITE)/requirements.txt
	@if $(SITE)/bin/python -m pip --disable-pip-version-check install --quiet -r $(SITE)/requirements.txt; then touch $@; \
	else echo "pip could not install MkDocs: the site cannot be built, and its tests will be skipped."; fi

# Debian 11 has the older one.
$(PROGRAMS)/glibc-2.31: scripts/debian_tree.sh
	@mkdir -p $(PROGRAMS)
	@sh scripts/debian_tree.sh $@ bullseye native libc6 libc6-dev linux-libc-dev

# For the tests of the wheels for ARM, which qemu-aarch64-static runs.
$(PROGRAMS)/python-arm64: scripts/debian_tree.sh
	@mkdir -p $(PROGRAMS)
	@sh scripts/debian_tree.sh $@ bookworm arm64 python3.11-minimal libpython3.11-minimal libpython3.11-stdlib \
		libc6 libgcc-s1 zlib1g libexpat1 libffi8 libssl3 libsqlite3-0 libuuid1 libbz2-1.0 liblzma5 libcrypt1 musl

# The agents from npm, each in a directory of its own: where one cannot be had, its tests are skipped by name, and the
# next `make agents` tries again. Hundreds of megabytes, so it says what it is doing.
$(AGENTS)/.installed: tests/agents/package.json
	@mkdir -p $(AGENTS)
	@command -v npm >/dev/null || echo "There is no npm here: the tests with agents will be skipped."
	@missing=; for agent in $$(sed -n 's/^ *"\(.*\)": "\([0-9.]*\)",*$$/\1@\2/p' $<); do \
		echo "Installing $$agent into $(AGENTS)"; \
		mkdir -p $(AGENTS)/$${agent%@*}; npm install --prefix $(AGENTS)/$${agent%@*} --no-package-lock --no-audit --no-fund --no-update-notifier --loglevel=error $$agent \
			|| { missing=1; echo "npm could not install $$agent: its tests will be skipped."; }; \
	done; test -n "$$missing" || touch $@

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "Styxy needs Python 3.11 or newer, and there is no $(PYTHON) here; install it, or say: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Styxy needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) -V 2>&1); say: make PYTHON=/path/to/newer/python3"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(STAMPS)/base: $(BIN)/python $(BUILD_INPUTS)
	@mkdir -p $(STAMPS)
	@echo "Installing Styxy into $(VENV)"
	@$(PIP) install --quiet -e .
	@if test -f $(LIBRARY); then touch $@; else echo "No preload library was built: interception needs a C compiler (Debian, Ubuntu: apt-get install gcc libc6-dev); then say make again"; fi

$(STAMPS)/dev: $(STAMPS)/base
	@echo "Installing what tests, checks and benchmarks need into $(VENV)"
	@$(PIP) install --quiet -e '.[dev]'
	@touch $@

$(STAMPS)/release: $(STAMPS)/dev
	@echo "Installing what builds a release into $(VENV): ziglang alone is 90 MB to fetch"
	@$(PIP) install --quiet -e '.[dev,release]'
	@touch $@

# For the tests of a release, which are skipped by name without it; so this never fails.
release-tools: $(STAMPS)/dev
	@$(MAKE) --no-print-directory $(STAMPS)/release || echo "A release cannot be built here: its tests will be skipped."

$(STAMPS)/compat: $(STAMPS)/dev
	@echo "Installing the Python programs that make compat drives into $(VENV)"
	@$(PIP) install --quiet -e '.[dev,compat]'
	@touch $@

clean:
	rm -rf $(VENV) .cache build dist site $(LIBRARY) $(SUPERVISOR) $(HOOK)
	find src tests bench scripts native -name __pycache__ -prune -exec rm -rf {} +
