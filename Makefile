# Hundreds of short processes run here; without its caches Python would compile all of the product again in each.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup run test soak bench lint lock docs

setup:
	@bash asterisk_ext/lab/setup/setup.sh

run: setup
	@exec .venv/bin/asterisk-ext lab up --nodes 2 --calls 6

# Eight workers at once share the processors, and wait by turns for phones, time-outs and kernels.
test: export ASTERISK_EXT_LAB_PRECEDENCE = nice

test: setup
	@$(MAKE) --no-print-directory -j 2 lint .venv/collected
	@.venv/bin/python -m pytest -n 8 --dist loadscope --no-loadscope-reorder

# Prepares the tests' caches, which each worker would otherwise make for itself; what is wrong, the tests themselves tell.
.venv/collected: $(shell find tests -name '*.py')
	@.venv/bin/python -m pytest --collect-only -qq >/dev/null || true
	@touch $@

# Searches for longer what `make test` searches for in seconds: texts that deceive the reader of the security log.
SOAK_SECONDS ?= 900
SOAK = .venv/soak

soak: setup
	@ASTERISK_EXT_SOAK_SECONDS=600 .venv/bin/python -m pytest -s -p no:cacheprovider tests/integration/one_asterisk/test_calls_under_load.py
	@.venv/bin/python -m pytest -p no:cacheprovider tests/integration/own_lab/soak_night.py
	@.venv/bin/python -m pytest --hypothesis-profile=soak -p no:cacheprovider tests/scenarios/security/test_hostile_text.py
	@.venv/bin/python -m pip install --disable-pip-version-check --quiet --upgrade --require-hashes --target $(SOAK) -r tests/fuzz/requirements.lock
	@mkdir -p $(SOAK)-corpus
	@PYTHONPATH=$(SOAK) .venv/bin/python -m tests.fuzz.security_log $(SOAK)-corpus -artifact_prefix=$(SOAK)- -max_total_time=$(SOAK_SECONDS) -max_len=400
	@mkdir -p $(SOAK)-copies
	@PYTHONPATH=$(SOAK) .venv/bin/python -m tests.fuzz.unlogged $(SOAK)-copies -artifact_prefix=$(SOAK)- -max_total_time=$(SOAK_SECONDS) -max_len=200

lint: setup
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy

bench: setup
	@.venv/bin/python -m tests.bench

docs:
	@.venv/bin/python -m tests.documents

lock:
	@bash asterisk_ext/lab/setup/lock.sh
