"""Makes the embedded lists anew; the sources and licences stand in ``docs/en/countries.md``.

    python -m firewall.countries.data.make TREE --since 2026-02-01

``TREE`` holds one directory a country, named by its code, with ``ipv4-aggregated.txt`` and ``ipv6-aggregated.txt``: one
prefix a line, ``#`` before comments. It is what https://github.com/ipverse/rir-ip publishes of the five registries'
delegated-extended files.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

from firewall.countries.lists import EMBEDDED
from firewall.countries.pack import pack
from firewall.lists.ranges import BITS, Range, merged

SOURCE = "AFRINIC, APNIC, ARIN, LACNIC, RIPE NCC (nro.net), aggregated by github.com/ipverse/rir-ip"
LICENCE = "CC0-1.0; the registries' statistics: CC-BY-4.0 by nro.net"


def lists_in(tree: Path) -> dict[str, dict[int, list[Range]]]:
    """Every country's merged ranges in a tree of prefix files."""
    return {
        place.name.upper(): {version: merged(_ranges(place / f"ipv{version}-aggregated.txt")) for version in BITS}
        for place in sorted(tree.iterdir())
        if place.is_dir()
    }


def _ranges(file: Path) -> Iterator[Range]:
    if not file.exists():
        return
    for line in file.read_text().splitlines():
        text = line.partition("#")[0].strip()
        if text:
            network = ip_network(text)
            yield int(network.network_address), int(network.broadcast_address) + 1


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the embedded country lists anew.")
    parser.add_argument("tree", type=Path)
    parser.add_argument("--since", required=True, help="The registries' day, such as 2026-02-01.")
    wanted = parser.parse_args()
    data = pack(lists_in(wanted.tree), since=wanted.since, source=SOURCE, licence=LICENCE)
    EMBEDDED.write_bytes(data)
    print(f"{EMBEDDED}: {len(data):,} bytes")


if __name__ == "__main__":
    main()
