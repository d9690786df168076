#!/bin/bash
# unpack.sh PLACE PACKAGE…: unpacks programs that tests run and benches measure beside, with what they need and the
# machine lacks, to PLACE. They are not installed: nothing of them is started by the machine, listens at its ports or
# touches its firewall.
set -euo pipefail
place=$1
shift

rm -rf "$place.new"
mkdir -p "$place.new/packages"
cd "$place.new/packages"
apt-cache show "$@" >/dev/null 2>&1 || apt-get update
mapfile -t packages < <(
    { printf '%s\n' "$@"; apt-get --simulate --no-install-recommends install "$@" | awk '/^Inst / { print $2 }'; } | sort -u
)
# Root's own directories are closed to the user that apt downloads as.
apt-get -o APT::Sandbox::User=root download "${packages[@]}"
for package in *.deb; do dpkg -x "$package" "$place.new"; done
rm -rf "$place.new/packages"
rm -rf "$place"
mv "$place.new" "$place"
