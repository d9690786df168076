#!/bin/bash
# Makes a Debian sid tree with Asterisk at $1, from the mirror and by the keyring that apt uses on this machine.
# The tree is built beside and renamed when it is whole, in a mount namespace, so that an interrupt leaves no mount.
set -euo pipefail
root=$1

mirror() {
    apt-get indextargets --format '$(LABEL)|$(COMPONENT)|$(REPO_URI)' 'Created-By: Packages' |
        awk -F'|' '$1 == "Debian" && $2 == "main" && $3 ~ /^(https?|file):/ { print $3; exit }'
}

keyring() {
    local entry
    entry=$(apt-get indextargets --format '$(LABEL)|$(SOURCESENTRY)' 'Created-By: Packages' |
        awk -F'|' '$1 == "Debian" { sub(/:[0-9]+$/, "", $2); print $2; exit }')
    { sed -n 's/^Signed-By:[[:space:]]*\(\/.*\)/\1/Ip; s/.*\[.*signed-by=\([^] ]*\).*/\1/p' "$entry" 2>/dev/null
      echo /usr/share/keyrings/debian-archive-keyring.gpg; } | head -n 1
}

[ -n "$(mirror)" ] || apt-get update
uri=$(mirror)
if [ -z "$uri" ]; then
    echo 'apt on this machine knows no Debian mirror (apt-get indextargets lists none with the label Debian).'
    exit 1
fi
proxy=$(apt-config dump --format '%v' Acquire::http::Proxy)
if [ -n "$proxy" ]; then export http_proxy=$proxy; fi

rm -rf --one-file-system "$root.new"
unshare --mount --pid --fork --kill-child \
    debootstrap --variant=minbase --include=asterisk,asterisk-modules --keyring="$(keyring)" sid "$root.new" "$uri"
chroot "$root.new" /usr/sbin/asterisk -V
rm -rf "$root.new"/var/cache/apt/archives/*.deb "$root.new"/var/lib/apt/lists/*
rm -rf --one-file-system "$root"
mv "$root.new" "$root"
