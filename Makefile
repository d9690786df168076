.PHONY: setup run test bench lint lock docs

setup:
	@bash asterisk_ext/lab/setup/setup.sh

run: setup
	@exec .venv/bin/asterisk-ext lab up --nodes 2 --calls 6

test: setup lint
	@.venv/bin/python -m pytest -n 3 --dist loadscope --no-loadscope-reorder

lint: setup
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy

BENCHES = calls fastagi guard_scan guard_memory guard_kernel guard_latency guard_on_asterisk

bench: setup
	@for bench in $(BENCHES); do echo; echo "== $$bench"; .venv/bin/python -m tests.bench.$$bench || exit 1; done

docs:
	@.venv/bin/python -m tests.documents

lock:
	@bash asterisk_ext/lab/setup/lock.sh
