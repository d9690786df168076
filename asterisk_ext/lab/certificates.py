"""A certificate for each node of the lab, signed by itself: phones and attackers speak TLS with it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from asterisk_ext.lab.topology import Host

CERTIFICATE, KEY = "tls.crt", "tls.key"
DAYS = 30


def make(node: Host, place: Path, uid: int, gid: int) -> None:
    """Write ``tls.crt`` and ``tls.key`` for the node's name and addresses; raises CalledProcessError."""
    names = f"subjectAltName=DNS:{node.name},IP:{node.ipv4},IP:{node.ipv6}"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"),
            *("-days", str(DAYS), "-subj", f"/CN={node.name}", "-addext", names),
            *("-keyout", place / KEY, "-out", place / CERTIFICATE),
        ],
        check=True,
        capture_output=True,
    )
    for path in (place / CERTIFICATE, place / KEY):
        os.chown(path, uid, gid)
        path.chmod(0o600)
