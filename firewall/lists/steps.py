"""How one list of ranges becomes another, in small steps none of which has an address judged wrongly (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from firewall.lists.ranges import Range


@dataclass(slots=True)
class Step:
    """Ranges to take out and to put in, in one transaction."""

    out: list[Range] = field(default_factory=list)
    new: list[Range] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.out) + len(self.new)


def steps(before: Iterable[Range], after: Iterable[Range], most: int) -> Iterator[Step]:
    """Steps of some ``most`` ranges. Both lists are sorted, disjoint and merged; what both have is not touched.

    Ranges that overlap or touch change in the same step, so an address on both lists is never off them in between, one
    on neither is never on, and any other goes over once. A step is longer than ``most`` only where one range of a list
    stands against many of the other.
    """
    step, reach = Step(), -1
    for (first, end), is_new in _changes(before, after):
        if first > reach and len(step) >= most:
            yield step
            step = Step()
        (step.new if is_new else step.out).append((first, end))
        reach = max(reach, end)
    if step:
        yield step


def _changes(before: Iterable[Range], after: Iterable[Range]) -> Iterator[tuple[Range, bool]]:
    """What only one of the lists has, by address; true for the second."""
    olds, news = iter(before), iter(after)
    old, new = next(olds, None), next(news, None)
    while old is not None or new is not None:
        if old == new:
            old, new = next(olds, None), next(news, None)
        elif old is not None and (new is None or old < new):
            yield old, False
            old = next(olds, None)
        elif new is not None:
            yield new, True
            new = next(news, None)
