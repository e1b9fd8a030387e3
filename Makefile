# The project's commands. Each sets up what it needs first: see .ci/setup.

.PHONY: help demo test test-all run check bench proto lock clean
.DEFAULT_GOAL := help

help: ## List these targets
	@sed -n 's/^\([a-z-]*\):[^#]*## */  make \1\t/p' Makefile | expand -t 16

demo: ## See mynet at work: in namespaces of its own, this host's network is not touched
	@.ci/setup
	@examples/demo

test: ## Run the tests, each matrix in its short form; ARGS='tests/ipam -k cooldown' runs some
	@.ci/setup dev
	@.ci/test --numprocesses=auto --dist=worksteal $(ARGS)

test-all: ## Run the tests with their whole matrices, as CI does
	@.ci/setup dev
	@.ci/test --exhaustive --numprocesses=auto --dist=worksteal $(ARGS)

run: ## Run the daemon on this host, in the foreground (as root); ARGS='--log-level debug'
	@.ci/setup
	.venv/bin/mynetd $(ARGS)

check: ## Lint, format, types, import directions, the API's rules
	@.ci/setup dev
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports
	.ci/check-prose
	.ci/check-proto

bench: ## Measure, beside what others take for it; ARGS='ipam-durable' measures some
	@.ci/setup bench
	.venv/bin/python -m benchmarks $(ARGS)

proto: ## Generate proto/gen from the .proto files
	@.ci/setup dev
	proto/generate

lock: ## Pin the newest releases that pyproject.toml allows in constraints.txt
	@.ci/setup dev
	.ci/lock

clean: ## Remove .venv, caches and built files
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
