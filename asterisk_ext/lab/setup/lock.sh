#!/bin/bash
# Writes requirements.lock and tests/fuzz/requirements.lock anew from pyproject.toml: exact versions, hashes, and no address of any index.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../../.."
tool=$(mktemp -d)
trap 'rm -rf "$tool"' EXIT
/usr/bin/python3 -m venv "$tool"
"$tool/bin/pip" install --quiet pip-tools
lock() {
    "$tool/bin/pip-compile" --quiet --generate-hashes --strip-extras --allow-unsafe --no-header \
        --no-emit-index-url --no-emit-find-links --no-emit-trusted-host "$@" pyproject.toml
}
lock --extra dev --build-deps-for editable --output-file requirements.lock
# The fuzzer, which has wheels for a few platforms and versions of Python only; what else it needs is installed.
lock --extra soak --output-file "$tool/soak.lock"
sed -n '/^atheris==/,/^    # via/p' "$tool/soak.lock" >tests/fuzz/requirements.lock
# The project's own line (it names its extras) has no hash and no place here.
sed -i '/^# WARNING: pip install/d; /^# Consider using/d; /^asterisk-ext @/,/^    # via/d' requirements.lock
