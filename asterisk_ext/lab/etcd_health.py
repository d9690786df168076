"""Whether an etcd server serves, its cluster having a leader: ``python -m asterisk_ext.lab.etcd_health URL DIRECTORY``.

``DIRECTORY`` has the server's own key and certificate, which it takes from whoever asks.
"""

from __future__ import annotations

import json
import ssl
import sys
import urllib.request
from pathlib import Path

from asterisk_ext.trust.cluster import FILES

PATIENCE = 2.0


def is_healthy(url: str, place: Path) -> bool:
    key, certificate, authority = (place / name for name in FILES)
    context = ssl.create_default_context(cafile=authority)
    context.load_cert_chain(certificate, key)
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=PATIENCE, context=context) as answer:  # noqa: S310
            return bool(json.load(answer).get("health") == "true")
    except (OSError, ValueError):
        return False


if __name__ == "__main__":
    sys.exit(0 if is_healthy(sys.argv[1], Path(sys.argv[2])) else 1)
