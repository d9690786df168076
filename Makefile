.PHONY: setup run test lint lock

setup:
	@bash asterisk_ext/lab/setup/setup.sh

run: setup
	@exec .venv/bin/asterisk-ext lab up --nodes 2 --calls 6

test: setup lint
	@.venv/bin/python -m pytest -n 3 --dist loadgroup

lint: setup
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy

lock:
	@bash asterisk_ext/lab/setup/lock.sh
