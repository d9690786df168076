"""Prints measurements as a table."""

from __future__ import annotations

from collections.abc import Sequence


def show(title: str, rows: Sequence[tuple[str, ...]]) -> None:
    """The first row is the heading."""
    print(f"\n## {title}\n")
    for i, row in enumerate(rows):
        print("| " + " | ".join(row) + " |")
        if i == 0:
            print("|" + "---|" * len(row))
