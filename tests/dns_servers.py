"""Real DNS servers for tests and benches, each a process of ours; started inside a network of the test's own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PLACE = Path(os.environ.get("ASTERISK_EXT_CACHE", "/var/cache/asterisk-ext")) / "dns-servers"
LIBRARIES = ":".join(str(path) for path in sorted(PLACE.glob("usr/lib/*-linux-gnu")))
ENVIRONMENT = {"LD_LIBRARY_PATH": LIBRARIES, "PATH": os.environ.get("PATH", "/usr/bin:/bin")}
NSUPDATE = PLACE / "usr/bin/nsupdate"
HOST, PORT = "127.0.0.1", 5353
ZONE = "sip.example.net"
KEY, SECRET = "asterisk-ext", "c2VjcmV0LW9mLWEtdGVzdC1rZXktb2YtMzItYnl0ZXM="
START = 30.0
SOA = f"""$ORIGIN {ZONE}.
$TTL 30
@ SOA ns hostmaster 1 3600 600 86400 30
@ NS ns
ns A {HOST}
"""
BIND = """
options {{
  directory "{place}"; pid-file none; session-keyfile "{place}/session.key"; lock-file none;
  listen-on port {port} {{ {host}; }}; listen-on-v6 {{ none; }};
  recursion no; dnssec-validation no; notify no; empty-zones-enable no;
}};
controls {{ }};
key "{key}" {{ algorithm hmac-sha256; secret "{secret}"; }};
zone "{zone}" {{
  type primary; file "{place}/zone"; max-journal-size 50m;
  update-policy {{ {grants} }};
}};
"""
KNOT = """
server:
    rundir: {place}
    listen: {host}@{port}
    background-workers: 1
    udp-workers: 1
    tcp-workers: 1
database:
    storage: {place}
    journal-db-max-size: 100M
    kasp-db-max-size: 10M
    timer-db-max-size: 10M
    catalog-db-max-size: 10M
key:
  - id: {key}
    algorithm: hmac-sha256
    secret: {secret}
acl:
  - id: names
    key: {key}
    action: update
    update-type: [A, AAAA, CNAME]
    update-owner: name
    update-owner-match: equal
    update-owner-name: [{names}]
zone:
  - domain: {zone}
    storage: {place}
    file: zone
    acl: names
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
"""


@dataclass
class Server:
    """``arguments`` are kept, so that it can be killed and started again."""

    arguments: list[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.arguments, stdout=log, stderr=log, env=ENVIRONMENT)
        _await_answer(self)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def running(kind: str, place: Path, names: list[str], records: str = "") -> Iterator[Server]:
    """``bind`` or ``knot`` with the zone and ``records`` in it; the key may change addresses of ``names`` alone."""
    (place / "zone").write_text(SOA + records)
    if kind == "bind":
        grants = " ".join(f"grant {KEY} name {name} A AAAA CNAME;" for name in names)
        text = BIND.format(place=place, host=HOST, port=PORT, key=KEY, secret=SECRET, zone=ZONE, grants=grants)
        program = [str(PLACE / "usr/sbin/named"), "-g", "-n", "1", "-c"]
    else:
        owners = ", ".join(f"{name}." for name in names)
        text = KNOT.format(place=place, host=HOST, port=PORT, key=KEY, secret=SECRET, zone=ZONE, names=owners)
        program = [str(PLACE / "usr/sbin/knotd"), "-c"]
    settings = place / f"{kind}.conf"
    settings.write_text(text)
    server = Server([*program, str(settings)], place / f"{kind}.log")
    try:
        server.start()
        yield server
    finally:
        server.kill()


def _await_answer(server: Server) -> None:
    import dns.exception
    import dns.message
    import dns.query

    until = time.monotonic() + START
    while time.monotonic() < until and server.process and server.process.poll() is None:
        with contextlib.suppress(OSError, EOFError, dns.exception.DNSException):
            if dns.query.tcp(dns.message.make_query(ZONE, "SOA"), HOST, 1, PORT).answer:
                return
        time.sleep(0.02)
    raise AssertionError(server.log.read_text()[-4000:])
