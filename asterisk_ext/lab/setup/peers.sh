#!/bin/bash
# Unpacks the programs that the benches measure ours beside, and etcd for the registry's tests, to $1. They are not
# installed: nothing of them is started by the machine, listens at its ports or touches its firewall.
set -euo pipefail
place=$1
packages=(fail2ban python3-pyinotify etcd-server)

rm -rf "$place.new"
mkdir -p "$place.new/packages"
cd "$place.new/packages"
apt-cache show "${packages[@]}" >/dev/null 2>&1 || apt-get update
# Root's own directories are closed to the user that apt downloads as.
apt-get -o APT::Sandbox::User=root download "${packages[@]}"
for package in *.deb; do dpkg -x "$package" "$place.new"; done
rm -rf "$place.new/packages"
rm -rf "$place"
mv "$place.new" "$place"
