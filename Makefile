# Caregate. `make help` lists what there is.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
export NX_DAEMON := false
export NX_TUI := false
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

stack := node tools/stack/src/main.ts
nx := nx run-many --output-style=static
formatted := prettier --log-level warn --check --cache .
installed := node_modules/.caregate-installed

.PHONY: help demo test up down logs status generate build apps lint typecheck unit integration oldest e2e mail-preview fuzz sbom licences audit bench bench-events bench-profile soak prove model format affected clean

help: ## Say what each target does
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: apps ## Start the real stack and two shards, play the story against them, and shut everything down
	@exec node tools/demo/src/main.ts

test: $(installed) ## Install, lint, typecheck, build, and run unit, integration and end-to-end tests on the real stack
	@$(stack) install
	$(formatted)
	$(nx) -t lint typecheck build test
	@$(MAKE) --no-print-directory affected
	$(stack) run -- $(nx) -t integration --parallel=1
	$(stack) run -- $(nx) -t e2e --parallel=1

up: apps ## Start the stack and all apps for au1 and uk1 and keep them running
	@$(stack) up

down: $(installed) ## Stop what `make up` started
	@$(stack) down

logs: $(installed) ## Show the logs of what `make up` started (NAME=clinic-api-au1 for one of them)
	@$(stack) logs $(NAME)

status: $(installed) ## Say what runs
	@$(stack) status

generate: $(installed) ## Bundle the contracts and generate types
	@$(nx) -t generate

build: $(installed) ## Build all libs and apps into dist/
	@$(nx) -t build

apps: $(installed) ## Build the apps only
	@$(nx) -t build --projects='apps/*'

lint: $(installed) ## Check format, style and module boundaries
	$(formatted)
	@$(nx) -t lint

typecheck: $(installed) ## Check types
	@$(nx) -t typecheck

unit: $(installed) ## Run the tests that need no server
	@$(nx) -t test

integration: $(installed) ## Run the tests that need the real servers
	@$(stack) run -- $(nx) -t integration --parallel=1

oldest: $(installed) ## Run the integration tests on the oldest Node.js that Caregate runs on
	@TEST_NODE=$$($(stack) oldest-node) $(stack) run -- $(nx) -t integration --parallel=1

e2e: apps ## Run the end-to-end tests: the story, faults, the built apps
	@$(stack) run -- $(nx) -t e2e --parallel=1

mail-preview: $(installed) ## Show all emails with sample data, as on a phone and as plain text
	@node tools/caregate/src/main.ts mail-preview

fuzz: apps ## Try the whole contract as each kind of caller with Schemathesis, for long (FLAGS=--short as in the tests)
	@$(stack) run --only mongod -- node tools/fuzz/src/main.ts $(FLAGS)

bench: apps ## Measure requests beside a bare reference, lists, events, moves, growth and sizes; one report with plots (some 20 minutes; nothing else should run)
	@exec node tools/bench/src/main.ts all $(FLAGS)

bench-profile: apps ## Draw a flame graph of each scenario of the load (FLAGS=--docs: into docs/performance/)
	@exec node tools/bench/src/main.ts profile $(FLAGS)

soak: apps ## Watch the memory of the API for 20 minutes under a mix of reads and writes
	@exec node tools/bench/src/main.ts soak $(FLAGS)

prove: apps ## Show isolation, hardening, overload, crash and restore, faults of events and moves at length; a table of what held (80 minutes)
	@exec node tools/bench/src/main.ts prove --readme $(FLAGS)

model: ## Check the model of the protocol of moves in all its states (needs spin and gcc; three minutes)
	@exec node tools/bench/src/main.ts prove --only moves-model

bench-events: apps ## Measure how fast permission changes reach the gatekeeper and the worker works, next to bare connectors
	@exec node tools/bench/src/main.ts events $(FLAGS)

format: $(installed) ## Write all files in the one format
	@prettier --log-level warn --write .

affected: $(installed) ## Show that a change reaches only what depends on it
	@echo "A change in libs/mail is rebuilt by:"
	@nx show projects --affected --files=libs/mail/src/index.ts --withTarget=build | sed 's/^/  /'
	@! nx show projects --affected --files=libs/mail/src/index.ts --withTarget=build | grep -qx @caregate/directory \
		|| { echo "but directory does not use libs/mail" >&2; exit 1; }

sbom: $(installed) ## Write what the apps and their tools are made of to dist/sbom.json (CycloneDX)
	@mkdir -p dist && npm sbom --sbom-format cyclonedx > dist/sbom.json && echo "dist/sbom.json"

licences: $(installed) ## List the licences of all packages; fails on one that is not allowed
	@node tools/build/licences.mjs

audit: $(installed) ## Ask the registry for known vulnerabilities of all packages; fails on high ones, and when it does not answer
	@npm audit --audit-level high || { echo "make audit: findings as above, or a registry that answers no audits (such as 405): then nothing is known" >&2; exit 1; }

clean: ## Remove what was built (downloads and caches in the home folder stay)
	@rm -rf dist .nx libs/contracts/generated

# npm itself checks each package against the lock file's hashes, so an interrupted install is simply repeated.
$(installed): package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing: install Node.js 22.18 or newer" >&2; exit 1; }
	@echo "Installing the packages of package-lock.json (about 250 MB unpacked; a minute the first time) ..."
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@
