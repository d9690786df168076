#!/bin/bash
# Installs what `make run` and `make test` need: Debian packages, .venv, and an Asterisk. May be run any number of times;
# a run that was interrupted is continued by the next one.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
cd "$here/../../.."
root=${ASTERISK_EXT_ASTERISK_ROOT:-${ASTERISK_EXT_CACHE:-/var/cache/asterisk-ext}/asterisk-root}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

say() { printf 'setup: %s\n' "$*"; }

# step TITLE ADVICE COMMAND…: shows every 20th line of a long command, and the last lines of a failing one.
step() {
    local title=$1 advice=$2
    shift 2
    say "$title"
    if ! "$@" 2>&1 | tee "$log" | awk 'NR % 20 == 0 { print "setup:   … " substr($0, 1, 100); fflush() }'; then
        printf 'setup.failed: the step "%s" failed. Its last lines:\n' "$title" >&2
        tail -n 12 "$log" | sed 's/^/  /' >&2
        printf '%s\nThen run `make setup` again; it goes on where it stopped.\n' "$advice" >&2
        exit 1
    fi
}

if [ "$(id -u)" -ne 0 ]; then
    echo 'setup.not_root: nothing was installed: packages and Asterisk need root. Run the same command with sudo.' >&2
    exit 1
fi

missing_packages() {
    local package
    while read -r package; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || echo "$package"
    done <"$here/packages.txt"
}

install_packages() {
    local missing
    mapfile -t missing < <(missing_packages)
    [ "${#missing[@]}" -gt 0 ] || return 0
    export DEBIAN_FRONTEND=noninteractive
    dpkg --configure -a
    apt-get update
    apt-get install --yes --no-install-recommends "${missing[@]}"
}

# The interpreter is the system's: the services' own users must be able to run it wherever the clone lies.
install_python() {
    if ! .venv/bin/python -c '' 2>/dev/null; then
        rm -rf .venv
        /usr/bin/python3 -m venv .venv
    fi
    .venv/bin/python -m pip install --disable-pip-version-check --require-hashes -r requirements.lock
    # By a path alone: the finder that is the default costs every interpreter a fifth of its start.
    .venv/bin/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation \
        --config-settings editable_mode=compat --editable .
    python_wanted >.venv/asterisk-ext.done
}

python_wanted() { cat requirements.lock pyproject.toml <(pwd; declare -f install_python) | sha256sum; }

asterisk_is_usable() {
    local tree=$1 modules module version
    modules=$(echo "$tree"/usr/lib/*/asterisk/modules | cut -d' ' -f1)
    [ -d "$modules" ] || return 1
    while read -r module; do
        [ -e "$modules/$module.so" ] || return 1
    done <"$here/asterisk-modules.txt"
    version=$(chroot "${tree:-/}" /usr/sbin/asterisk -V) || return 1
    [[ $version =~ Asterisk\ ([0-9]+)\. ]] && [ "${BASH_REMATCH[1]}" -ge 20 ]
}

if [ -n "$(missing_packages)" ]; then
    step "Debian packages: $(missing_packages | paste -sd ' ')" \
        'Look whether the mirrors in /etc/apt can be reached and no other program holds the package database.' \
        install_packages
fi

if [ "$(cat .venv/asterisk-ext.done 2>/dev/null)" != "$(python_wanted)" ] || ! .venv/bin/python -c ''; then
    step 'Python packages into .venv' \
        'Look whether the package index that pip uses can be reached, and whether the disk has room.' \
        install_python
fi

if ! { [ -z "${ASTERISK_EXT_ASTERISK_ROOT:-}" ] && asterisk_is_usable ''; } && ! asterisk_is_usable "$root"; then
    mkdir -p "$(dirname "$root")"
    exec 9>"$root.lock"
    flock 9
    if ! asterisk_is_usable "$root"; then
        step "Asterisk into $root (some minutes)" \
            'Look whether the mirror that apt uses can be reached and carries the suite sid, and whether the disk has room.' \
            bash "$here/asterisk-root.sh" "$root"
        asterisk_is_usable "$root" || {
            echo "setup.asterisk_unusable: the Asterisk in $root is too old or lacks modules." \
                "Remove that directory and run \`make setup\` again." >&2
            exit 1
        }
    fi
fi
cache=${ASTERISK_EXT_CACHE:-/var/cache/asterisk-ext}

# Only in the tree that is this product's own.
documentation=$cache/asterisk-root/usr/share/asterisk/documentation/core-en_US.xml
if grep -q '<module ' "$documentation" 2>/dev/null; then
    .venv/bin/python "$here/shorten_documentation.py" "$documentation"
fi

# unpacked PLACE TITLE PROGRAM PACKAGE…: only where PROGRAM is not there yet.
unpacked() {
    local place=$1 title=$2 program=$3
    shift 3
    [ ! -x "$place/$program" ] || return 0
    mkdir -p "$cache"
    exec 8>"$place.lock"
    flock 8
    [ -x "$place/$program" ] || step "$title" \
        'Look whether the mirrors in /etc/apt can be reached and whether the disk has room.' \
        bash "$here/unpack.sh" "$place" "$@"
}
unpacked "$cache/peers" 'what tests and benches measure beside, and etcd' usr/bin/etcd \
    fail2ban python3-pyinotify etcd-server
unpacked "$cache/dns-servers" 'DNS servers for the tests' usr/sbin/knotd bind9 bind9-dnsutils knot
# Services run as users who may not write here: without these caches each of their starts would compile the product anew.
.venv/bin/python -m compileall -q -j 0 -- */
say 'all is installed.'
