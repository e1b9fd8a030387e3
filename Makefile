# The project's commands. Each one first calls .ci/setup.

.PHONY: help demo test test-all test-matrix coverage run check bench profile proto man lock dist clean
.DEFAULT_GOAL := help

# PYTHON=python3.13 chooses that version. It gets its own venv, .venv-3.13.
version = $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
VENV := .venv$(if $(PYTHON),-$(version))
export PYTHON VENV

help: ## List these targets
	@sed -n 's/^\([a-z-]*\):[^#]*## */  make \1\t/p' Makefile | expand -t 16

demo: ## Show mynet at work, in its own namespaces: this host's network does not change
	@.ci/setup
	@examples/demo

test: ## Run the tests, each matrix in its short form; ARGS='tests/ipam -k cooldown' runs some
	@.ci/setup dev
	@.ci/test --numprocesses=auto --dist=worksteal $(ARGS)

test-all: ## Run the tests with their whole matrices, as CI does
	@.ci/setup dev
	@.ci/test --exhaustive --numprocesses=auto --dist=worksteal $(ARGS)

test-matrix: ## Run the tests with each Python from 3.11 on that is installed; ARGS as for test
	@.ci/setup
	@.ci/test-matrix $(ARGS)

coverage: ## Run the tests in process, without tests/e2e, and check how much code they reach
	@.ci/setup dev
	@.ci/test --numprocesses=auto --dist=worksteal --ignore=tests/e2e --cov $(ARGS)

run: ## Run the daemon on this host, in the foreground (as root); ARGS='--log-level debug'
	@.ci/setup
	$(VENV)/bin/mynetd $(ARGS)

check: ## Lint, format, types, import directions, the API's rules
	@.ci/setup dev
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	.ci/check-prose
	.ci/check-proto

bench: ## Measure, beside what others take; ARGS=ipam-durable measures one, ARGS=--history nothing
	@.ci/setup bench
	$(VENV)/bin/python -m benchmarks $(ARGS)

profile: ## Show where the CPU time of the daemon goes; ARGS="--callers 16 --ports 20"
	@.ci/setup bench
	$(VENV)/bin/python -m benchmarks.profiling $(ARGS)

proto: ## Generate proto/gen from the .proto files
	@.ci/setup dev
	proto/generate

man: ## Generate docs/man from the commands and options
	@.ci/setup dev
	$(VENV)/bin/python .ci/man

lock: ## Pin the newest releases that pyproject.toml allows in constraints.txt
	@.ci/setup dev
	.ci/lock

dist: ## Build a release into dist/: sdist, wheel, requirements.txt with hashes, SBOM
	@.ci/setup dev
	.ci/dist

clean: ## Remove the venvs, caches and built files
	rm -rf .venv* build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
