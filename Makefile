# Everything a person runs here. Start with `make help`.
#
# Each step leaves a stamp and is not repeated while its inputs stay the same: a second `make run`
# only starts, and needs no network.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
DATA ?= ./data
DIST ?= ./dist
FLAGS ?=
DEMO_PORT ?= 8080
BIN := .venv/bin

RUN_STAMP := .venv/.run-installed
TEST_STAMP := .venv/.test-installed
PROOF_STAMP := .venv-proof/.installed
NODE_STAMP := node_modules/.installed
BUILD_STAMP := node_modules/.browser-built
BROWSER_SOURCES := $(shell find browser -type f 2>/dev/null)

PIP_INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[.a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: $(RUN_STAMP) $(BUILD_STAMP) ## start the hotline on this machine, files in ./data (DATA=… FLAGS=…)
	@exec $(BIN)/havenline up --data $(DATA) $(FLAGS)

.PHONY: demo
demo: $(RUN_STAMP) $(BUILD_STAMP) ## a hotline to look at: made-up people, throw-away data (DEMO_PORT=8080)
	@exec $(BIN)/python -m demo --port $(DEMO_PORT)

.PHONY: test
test: test-tools lint test-browser test-python ## everything the continuous integration checks

.PHONY: test-python
test-python: $(TEST_STAMP) $(BUILD_STAMP) ## the Python tests and the flows through a real browser
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: test-browser
test-browser: $(NODE_STAMP) ## the tests of the browser code, run by Node
	@tests="$$(find browser -type f \( -name '*.test.js' -o -name '*.test.mjs' \) | sort)"; \
	if [ -z "$$tests" ]; then echo "No *.test.js under browser/: nothing was tested."; exit 1; fi; \
	node --test $$tests

.PHONY: lint
lint: $(TEST_STAMP) ## style, types and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict
	$(BIN)/lint-imports

.PHONY: build
build: $(BUILD_STAMP) ## bundle the browser code

# What a server needs and no more: installs and runs where no Node is. The folder setuptools builds
# in is emptied first, or files that are gone from the sources would come back from it.
.PHONY: wheel
wheel: $(RUN_STAMP) $(BUILD_STAMP) ## a package to install on a server, in ./dist (DIST=…)
	rm -rf build/lib build/bdist.* $(DIST)/havenline-*.whl
	$(BIN)/havenline indicators compile
	$(BIN)/pip wheel --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation \
	  --wheel-dir $(DIST) .
	cp requirements/run.txt $(DIST)/requirements.txt
	@ls $(DIST)/havenline-*.whl

# Each part is under an hour and runs alone; docs/proofs.md says what each shows and last showed.
PROOF_PARTS := stories kills channel sending mail stack unsynced postgres disk disk-postgres writers \
  memory openapi parsers year year-postgres soak
PROOF := $(BIN)/pytest -m "proof or long" -p no:randomly --verbose -s
SOAK_MINUTES ?= 24

.PHONY: proof $(addprefix proof-,$(PROOF_PARTS))
proof: $(addprefix proof-,$(or $(PART),$(PROOF_PARTS))) ## what is promised, proved, in parts (PART=kills, …)

$(addprefix proof-,$(PROOF_PARTS)): $(TEST_STAMP) $(BUILD_STAMP)

proof-stories:
	HAVENLINE_PROOF_ROUNDS=$${HAVENLINE_PROOF_ROUNDS:-100} $(PROOF) tests --ignore=tests/proof

proof-kills proof-channel proof-stack proof-unsynced proof-postgres proof-writers proof-memory proof-year:
	$(PROOF) tests/proof/test_$(@:proof-%=%).py

proof-sending:
	$(PROOF) tests/proof/test_sending.py tests/proof/test_sending_real.py

# Nothing is installed by itself here: Debian would make Exim the machine's own mail server.
proof-mail:
	@missing=""; \
	for each in dovecot exim4; do PATH="$$PATH:/usr/sbin" command -v $$each >/dev/null || missing=1; done; \
	[ -z "$$missing" ] || { \
	  echo "This part starts Debian's Dovecot and Exim on ports of its own, in a temporary folder." \
	    "As root, on a machine that may have them:" \
	    "apt-get install --no-install-recommends dovecot-imapd dovecot-lmtpd exim4-daemon-light" \
	    "and, so that they do not serve the machine itself:" \
	    "systemctl disable --now dovecot exim4"; exit 1; }; \
	[ "$$(id -u)" = 0 ] || { echo "This part starts Dovecot and Exim as root, which change" \
	  "users by themselves. Run it as root."; exit 1; }
	$(PROOF) tests/proof/test_mail.py

proof-disk:
	$(PROOF) tests/proof/test_full_disk.py

proof-disk-postgres:
	$(PROOF) tests/proof/test_full_disk_postgres.py

proof-year-postgres:
	$(PROOF) tests/proof/test_year_postgres.py

proof-openapi: $(PROOF_STAMP)
	$(PROOF) tests/proof/test_openapi.py

proof-parsers:
	HAVENLINE_FUZZ=$${HAVENLINE_FUZZ:-1000000} $(PROOF) tests/proof/test_parsers.py tests/proof/test_fuzz.py

proof-soak:
	$(BIN)/python -m tests.proof.soak --minutes $(SOAK_MINUTES)

.PHONY: bench
bench: $(TEST_STAMP) $(BUILD_STAMP) ## measure everything into docs/benchmarks.md (FLAGS="--parts scale …")
	@$(BIN)/python -m benchmarks $(FLAGS)

.PHONY: .venv
.venv: $(TEST_STAMP) ## the Python environment with all that developing needs

.PHONY: lock
lock: $(TEST_STAMP) ## renew the locks of both languages (needs the network)
	$(PIP_INSTALL) uv
	for name in run test proof; do \
	  constraint=""; [ $$name != test ] || constraint="--constraint requirements/run.txt"; \
	  $(BIN)/uv --no-config pip compile --quiet --upgrade --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --custom-compile-command "make lock" $$constraint \
	    requirements/$$name.in --output-file requirements/$$name.txt; \
	done
	npm update --package-lock-only --ignore-scripts

.PHONY: clean
clean: ## remove what was built and installed here; never touches ./data
	rm -rf .venv .venv-proof node_modules build dist *.egg-info
	rm -rf intake_server/web/static/built intake_server/desk/static/built
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage
	find . -name __pycache__ -type d -not -path './data/*' -prune -exec rm -rf {} +

# --- steps ----------------------------------------------------------------------------------

.PHONY: check-python
check-python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Havenline needs Python 3.11 or newer as $(PYTHON). Install it, or name another one:" \
	    "make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make environments. On Debian: apt-get install python3-venv"; exit 1; }

.PHONY: check-node
check-node:
	@node -e "const [a, b] = process.versions.node.split('.'); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)" \
	  2>/dev/null || { echo "Havenline needs Node 20.19 or newer as node, to bundle the browser" \
	    "code. Install it first."; exit 1; }
	@command -v npm >/dev/null || { \
	  echo "npm is missing; it comes with Node, or on Debian: apt-get install npm"; exit 1; }

# Order-only: an existing environment is not made again because its folder's time changed.
$(BIN)/python: | check-python
	$(PYTHON) -m venv .venv

# Wheels only, each with its recorded hash: nothing that was downloaded runs while installing.
# The project itself is installed with the setuptools that just came from the lock.
$(RUN_STAMP): requirements/run.txt pyproject.toml | $(BIN)/python
	$(PIP_INSTALL) --require-hashes --only-binary :all: -r requirements/run.txt
	$(PIP_INSTALL) --no-index --no-deps --no-build-isolation --editable .
	@touch $@

$(TEST_STAMP): requirements/test.txt $(RUN_STAMP)
	$(PIP_INSTALL) --require-hashes --only-binary :all: -r requirements/test.txt
	@touch $@

# What asks all that docs/openapi describes has an environment of its own: it brings plugins that
# would load into every other test.
$(PROOF_STAMP): requirements/proof.txt | check-python
	$(PYTHON) -m venv .venv-proof
	.venv-proof/bin/pip install --quiet --disable-pip-version-check --require-hashes \
	  --only-binary :all: -r requirements/proof.txt
	@touch $@

$(NODE_STAMP): package.json package-lock.json | check-node
	npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(BUILD_STAMP): $(NODE_STAMP) $(BROWSER_SOURCES)
	node browser/build.mjs
	@touch $@

# The browser that the flows drive, the clock that the tests of expiry turn, the other database (the
# tests start a server of their own), and the programs that judge the examples in deploy/.
.PHONY: test-tools
test-tools:
	@missing=""; \
	command -v chromium >/dev/null || missing="chromium fonts-dejavu-core"; \
	command -v faketime >/dev/null || missing="$$missing faketime"; \
	command -v systemd-analyze >/dev/null || missing="$$missing systemd"; \
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$$missing postgresql"; \
	for each in caddy nginx tor openssl; do \
	  PATH="$$PATH:/usr/sbin" command -v $$each >/dev/null || missing="$$missing $${each/nginx/nginx-light}"; \
	done; \
	[ -n "$$missing" ] || exit 0; \
	as_root=""; [ "$$(id -u)" = 0 ] || as_root="sudo"; \
	echo "Installing Debian's $$missing"; \
	{ $$as_root apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	  $$as_root apt-get install -y -qq --no-install-recommends $$missing; } || { \
	  echo "The tests need $$missing, which could not be installed from here." \
	    "Install it by hand, as root: apt-get install $$missing"; exit 1; }
