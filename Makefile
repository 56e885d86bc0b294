# Every target does the set-up that it needs. The Python environment is .venv.
PYTHON ?= python3
PORT ?= 8080
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: run test coverage lint lock lock-npm clean

run: $(VENV)/demo  ## the demo in the browser; ONCE=1 runs one hunt and prints its summary
	$(BIN)/huntbridge demo $(if $(ONCE),--once --json,--port $(PORT))

# Some tests start processes of their own: without bytecode each of them would compile everything again.
test test-slow coverage: export PYTHONDONTWRITEBYTECODE =

test: $(VENV)/dev .cache/prism/ready .cache/render/ready lint  ## lint, types and the fast tests
	$(BIN)/python -m pytest -n 4 --dist worksteal

coverage: $(VENV)/dev .cache/prism/ready .cache/render/ready  ## the lines that the fast tests reach, including the processes that they start
	$(BIN)/python -m pytest -n 4 --dist worksteal --cov --cov-report=term:skip-covered --cov-report=html

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# A stamp file for each set of packages: the set is installed again only when its lock file changes.
$(VENV)/demo $(VENV)/dev $(VENV)/e2e: $(VENV)/%: requirements/%.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes -r $<
	$(PIP) --no-deps --no-build-isolation -e .
	touch $@

# The npm tools of the tests, installed by the versions and checksums in their lock files, without install scripts.
# Prism serves the platform's OpenAPI file. Microsoft's renderer draws cards with the themes of Teams. If npm cannot
# install a tool, its tests say so and skip, and the next run tries again.
.cache/%/ready: tests/tools/%/package-lock.json
	mkdir -p $(@D)
	cp $(<D)/package.json $< $(@D)
	if command -v npm >/dev/null; then \
	  npm ci --silent --no-audit --no-fund --legacy-peer-deps --ignore-scripts --prefix $(@D) && touch $@ \
	    || echo "$* could not be installed: its tests will skip"; \
	fi

lock-npm:  ## resolve tests/tools/*/package.json again
	for tool in tests/tools/*/; do \
	  npm install --package-lock-only --ignore-scripts --legacy-peer-deps --no-audit --no-fund --prefix $$tool; \
	  sed -i '/"resolved":/d' $$tool/package-lock.json; \
	done

lock:  ## resolve requirements/*.in again; needs uv on the PATH
	for set in run demo dev e2e release docs newcomer; do \
	  uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --upgrade \
	    requirements/$$set.in -o requirements/$$set.txt; \
	done

clean:
	rm -rf $(VENV) $(AWS) $(CHECKOV) $(RELEASE) $(DOCS) .venv-sbom dist site .aws-sam .huntbridge .mypy_cache .ruff_cache .pytest_cache .coverage htmlcov

# The tools for AWS have their own environment, because their pinned versions conflict with those in dev.txt.
AWS := .venv-aws
CHECKOV := .venv-checkov
# Also the tools that build and check a release: nothing of them runs with huntbridge.
RELEASE := .venv-release
DOCS := .venv-docs
ARCH ?= arm64
BUILD := .aws-sam/build$(if $(filter-out arm64,$(ARCH)),-$(ARCH))
# `sam` runs without an AWS account.
OFFLINE := SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 AWS_ACCESS_KEY_ID=none AWS_SECRET_ACCESS_KEY=none

FUNCTIONS := Scheduler Receiver Edge EdgeSnap

.PHONY: build bundle lint-template lock-aws $(FUNCTIONS:%=build-%Function)

build: $(AWS)/ready samconfig.toml  ## the Lambda functions, without Docker; ARCH=x86_64 builds them for Intel
	$(OFFLINE) PYTHON=$(CURDIR)/$(AWS)/bin/python ARCH=$(ARCH) $(AWS)/bin/sam build --build-dir $(BUILD)
	sed 's/^\( *- \)arm64$$/\1$(ARCH)/' $(BUILD)/template.yaml > $(BUILD)/for-$(ARCH).yaml
	mv $(BUILD)/for-$(ARCH).yaml $(BUILD)/template.yaml

bundle: build  ## the built functions and their template in dist/aws, for deploy/terraform
	$(PYTHON) deploy/bundle.py $(BUILD) dist/aws

# `sam deploy --guided` stores its answers in this copy.
samconfig.toml:
	cp samconfig.example.toml $@

lint-template: $(AWS)/ready $(CHECKOV)/ready samconfig.toml  ## the template as written and as SAM translates it, and the built functions
	$(OFFLINE) $(AWS)/bin/sam validate --lint
	$(AWS)/bin/cfn-lint deploy/member-account-role.yaml
	CHECKOV=$(CHECKOV)/bin/checkov $(AWS)/bin/python -m pytest tests/template

# `sam build` calls these targets, one for each function.
$(FUNCTIONS:%=build-%Function): build-%Function:
	$(PYTHON) deploy/build.py $(if $(filter Scheduler,$*),scheduler,receiver) "$(ARTIFACTS_DIR)" --arch $(ARCH)

$(AWS)/ready $(CHECKOV)/ready $(RELEASE)/ready $(DOCS)/ready: .venv-%/ready: requirements/%.txt
	test -x .venv-$*/bin/python || $(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	touch $@

lock-aws:  ## as `lock`, for the functions on AWS and the tools that check them
	for set in aws checkov; do \
	  uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --upgrade \
	    requirements/$$set.in -o requirements/$$set.txt; \
	done
	for set in scheduler receiver; do \
	  uv pip compile --python-version 3.13 --python-platform aarch64-manylinux2014 --only-binary :all: \
	    --generate-hashes --no-header --upgrade -c requirements/run.txt \
	    requirements/$$set.in -o requirements/$$set.txt; \
	done
	uv pip compile --python-version 3.13 --python-platform x86_64-manylinux2014 --only-binary :all: \
	  --generate-hashes --no-header --upgrade requirements/emulator.in -o requirements/emulator.txt

.PHONY: test-emulators

test-emulators: $(VENV)/dev .cache/emulators/ready  ## the contracts of store and queues with dynalite and fauxqs
	HUNTBRIDGE_EMULATORS=1 $(BIN)/python -m pytest -p no:xdist -m '' tests/shared/sides -k emulators

.PHONY: test-e2e console-pictures

test-e2e: $(VENV)/e2e  ## the demo and every screen of the console in Chromium
	$(BIN)/python -m pytest -p no:xdist --override-ini addopts="-ra --strict-markers --import-mode=importlib" tests/e2e

.PHONY: test-api

test-api: $(VENV)/dev  ## schemathesis against the JSON API of a running serve, a minute; MINUTES=10 takes longer
	$(BIN)/python -m tests.api.run --minutes $(or $(MINUTES),1)

console-pictures: $(VENV)/e2e  ## the pictures of the console in docs/, of the demo
	$(BIN)/python -m tests.e2e.pictures

.PHONY: chaos storm

chaos: $(VENV)/dev  ## serve during kills and faults, 14 minutes; SHORT=1 takes 4; CHAOS="--seed 7" passes other options
	$(BIN)/python -m tests.chaos.run $(if $(SHORT),--short) $(CHAOS)

storm: $(VENV)/dev  ## 5,000 webhooks in a minute at the pace of a real channel; STORM="--seed 7" passes options
	$(BIN)/python -m tests.chaos.storm $(STORM)

.PHONY: simulate

simulate: $(VENV)/dev  ## 2,000 simulated schedules of both sides, four minutes; SCHEDULES=100000 SEED=7 runs others; REPLAY=7 shows one
	PYTHONHASHSEED=0 $(BIN)/python -m tests.simulation.run $(if $(REPLAY),--replay $(REPLAY),--schedules $(or $(SCHEDULES),2000) --seed $(or $(SEED),1))

.PHONY: test-lambda bench bench-more

# Lambda's runtime client, for the Python version of the functions, which may differ from the local one.
CLIENT := .cache/lambda-client

test-lambda: $(AWS)/ready $(VENV)/dev $(CLIENT)/ready  ## the built functions in Lambda's runtime emulator, with AWS simulated
	$(MAKE) build ARCH=x86_64
	$(BIN)/python -m pytest --override-ini addopts="-ra --strict-markers --import-mode=importlib" tests/lambda

$(CLIENT)/ready: requirements/emulator.txt | $(AWS)/ready
	rm -rf $(@D)
	$(AWS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
	  --only-binary=:all: --implementation=cp --python-version=3.13 --platform=manylinux2014_x86_64 \
	  --platform=manylinux_2_28_x86_64 --target=$(@D) -r $<
	touch $@

bench: $(VENV)/dev  ## the table of docs/performance.md, on a quiet machine, in ten minutes; QUICK=1 prints one of two minutes
	$(BIN)/python -m bench.run $(if $(QUICK),--quick,--output bench/results.json)
	$(if $(QUICK),,$(BIN)/python -m bench.page)

bench-more: $(VENV)/dev  ## further figures, on a quiet machine: fleets, the preflight, the handlers, the database, every page of the console
	HUNTBRIDGE_FLEET=250 HUNTBRIDGE_FLEET_SECONDS=10 $(BIN)/python -m pytest tests/scheduler/test_fleet.py
	HUNTBRIDGE_PREFLIGHT_SECONDS=60 $(BIN)/python -m pytest -m '' tests/scheduler/preflight/test_planted_fleet.py
	$(BIN)/python -m bench.handlers
	$(BIN)/python -m bench.storage
	$(BIN)/python -m bench.console

.PHONY: quarter

quarter: $(VENV)/dev  ## a simulated quarter of weekly hunts: the messages with and without cases across hunts, in five minutes
	$(BIN)/python -m pytest -q tests/quarter

.PHONY: test-slow

test-slow: $(VENV)/dev .cache/render/ready  ## the tests that are too slow for `make test`: the contracts on AWS, outages, hundreds of cases
	$(BIN)/python -m pytest -n 4 --dist worksteal -m slow -k 'not fuzz and not linear_time' --ignore=tests/prometheus --ignore=tests/durability

.PHONY: durability

durability: $(VENV)/dev  ## real faults of the disk and kills under a real serve: nothing that was accepted is lost; three minutes
	$(BIN)/python -m pytest -n 2 --dist worksteal -m slow tests/durability

.PHONY: fuzz sequences pictures

pictures: $(VENV)/dev .cache/render/ready  ## the pictures in docs/, of the golden messages
	$(BIN)/python -m tests.pictures

fuzz: $(VENV)/dev  ## 2,000 made-up alarms for each destination, hostile webhooks of the largest size: four minutes; SEED=7 makes up others
	HUNTBRIDGE_FUZZ=2000 $(BIN)/python -m pytest -n 2 --dist worksteal -m '' \
	  -k '(fuzz or linear_time) and not no_sequence' --hypothesis-seed=$(or $(SEED),1) tests/receiver

sequences: $(VENV)/dev  ## 400 long random sequences of hunts, decisions and crashes: a minute; SEED=7 makes up others
	HUNTBRIDGE_FUZZ=2000 $(BIN)/python -m pytest -m '' -k no_sequence \
	  --hypothesis-seed=$(or $(SEED),1) tests/receiver/sequences

.PHONY: fleet

fleet: $(VENV)/dev  ## the plan over 3,000 instances, and the coverage of 10,000 instances in 50 accounts
	HUNTBRIDGE_FLEET=250 $(BIN)/python -m pytest -m '' tests/scheduler/test_fleet.py
	HUNTBRIDGE_ORGANIZATION=10000 $(BIN)/python -m pytest -s tests/scheduler/test_organization.py

.PHONY: dist package sbom lint-ship

dist: $(RELEASE)/ready  ## the wheel and the source archive, in dist/
	rm -rf dist/*.whl dist/*.tar.gz
	$(RELEASE)/bin/python -m build --no-isolation
	$(RELEASE)/bin/twine check --strict dist/*.whl dist/*.tar.gz

package: dist $(VENV)/dev  ## the wheel on each Python that is here, the container's steps and the systemd unit, each up to a message
	$(BIN)/python -m pytest -n 2 --dist loadfile --override-ini addopts="-ra --strict-markers --import-mode=importlib" tests/package

.PHONY: newcomer

newcomer: dist $(VENV)/dev $(AWS)/ready $(CLIENT)/ready  ## each way to run huntbridge, by the commands of its page, from an empty home to the first message
	$(MAKE) build ARCH=x86_64
	$(BIN)/python -m pytest -p no:xdist --override-ini addopts="-ra --strict-markers --import-mode=importlib" tests/newcomer

sbom: dist  ## what a release consists of, in dist/ as CycloneDX
	rm -rf .venv-sbom
	$(PYTHON) -m venv .venv-sbom
	.venv-sbom/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	.venv-sbom/bin/python -m pip install --quiet --disable-pip-version-check --no-deps dist/*.whl
	.venv-sbom/bin/python -m pip uninstall --quiet --yes pip setuptools wheel
	$(RELEASE)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --validate \
	  -o dist/huntbridge.cdx.json .venv-sbom/bin/python

lint-ship: $(RELEASE)/ready  ## the container file, the compose file and the workflows
	$(RELEASE)/bin/hadolint Containerfile
	$(RELEASE)/bin/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml
	$(RELEASE)/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(RELEASE)/bin/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml

.PHONY: docs reference

docs: $(DOCS)/ready $(VENV)/dev  ## the documentation as a site, in site/, without anything from other hosts
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict --quiet --site-dir site
	$(BIN)/python -m pytest -p no:xdist --override-ini addopts="-ra --strict-markers --import-mode=importlib" tests/site

reference: $(VENV)/dev  ## the pages of docs/reference that are made from the code
	$(BIN)/python -m tests.docs.reference

.PHONY: test-metrics

test-metrics: $(VENV)/dev  ## a real Prometheus scrapes serve; promtool tests the alerts
	$(BIN)/python -m pytest -m '' tests/prometheus
