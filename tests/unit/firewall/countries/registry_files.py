"""The five registries' files in small: what each test changes a little."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from firewall.countries.delegated import REGISTRIES

Records = Sequence[str]
DAY = "20261101"
SMALL: Mapping[str, Records] = {
    "afrinic": ("ZA|ipv4|41.0.0.0|65536", "ZA|ipv6|2c0f:f000::|32"),
    "apnic": ("AU|ipv4|1.0.0.0|256", "AU|ipv4|1.0.4.0|1024"),
    "arin": ("US|ipv4|8.0.0.0|16777216", "US|ipv6|2600::|24"),
    "lacnic": (
        "BR|ipv4|200.160.0.0|65536",
        "BR|ipv4|200.162.0.0|768",
        "BR|ipv6|2804::|32",
        "AR|ipv4|200.0.0.0|4096",
        "UY|ipv4|200.40.0.0|65536",
    ),
    "ripencc": ("DE|ipv4|53.0.0.0|16777216", "DE|ipv6|2003::|19"),
}


def text(registry: str, records: Records, *, day: str = DAY, more: int = 0) -> str:
    """A file with its version and summary lines; ``more`` records are promised than are there."""
    lines = [f"{registry}|{record}|19990101|allocated|an-opaque-id" for record in records]
    lines += [f"{registry}|ZZ|ipv4|203.0.113.0|256||reserved|", f"{registry}|ZZ|asn|64496|16||available|"]
    counts = {kind: sum(f"|{kind}|" in line for line in lines) for kind in ("asn", "ipv4", "ipv6")}
    head = [f"2|{registry}|{day}|{len(lines) + more}|19870101|{day}|-0300"]
    summaries = [f"{registry}|*|{kind}|*|{count}|summary" for kind, count in counts.items()]
    return "\n".join([*head, "# a comment", *summaries, *lines, ""])


def written(
    directory: Path, changed: Mapping[str, Records] | None = None, *, day: str = DAY, cut: str = ""
) -> list[str]:
    """All five as files, one perhaps cut off; returns their paths."""
    directory.mkdir(parents=True, exist_ok=True)
    records = {**SMALL, **(changed or {})}
    paths = [directory / f"delegated-{registry}-extended-latest" for registry in REGISTRIES]
    for path, registry in zip(paths, REGISTRIES, strict=True):
        path.write_text(text(registry, records[registry], day=day, more=registry == cut))
    return [str(path) for path in paths]
