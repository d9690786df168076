"""Rules for iptables as the text that ``iptables-restore`` loads (pure). Its format: iptables-save(8), iptables(8).

A rule is a dictionary: ``protocol``, ``src``, ``dst``, ``in-interface``, ``out-interface``, ``target``, and every other
key is a match with its options. An option's value is one argument, several in a list, or "" for none; "!" first says
that it must not hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

Rule = dict[str, object]
GENERAL = {
    "protocol": "--protocol",
    "src": "--source",
    "dst": "--destination",
    "in-interface": "--in-interface",
    "out-interface": "--out-interface",
}


def arguments(rule: Rule) -> list[str]:
    """One rule without its chain."""
    written: list[str] = []
    for name, option in GENERAL.items():
        if name in rule:
            value = str(rule[name])
            written += [*(["!"] if value.startswith("!") else []), option, value.removeprefix("!")]
    for name, options in rule.items():
        if isinstance(options, Mapping) and name != "target":
            written += ["--match", name, *_options(options)]
    return [*written, *_target(rule.get("target"))]


def restore_text(table: str, chains: Mapping[str, Sequence[Rule]], hooks: Iterable[str]) -> str:
    """Our chains of a table, filled anew whatever is in them, and ``hooks``: whole commands for the chains of others.
    One commit: no packet sees half of it."""
    return "\n".join(
        [
            f"*{table}",
            *(f":{chain} - [0:0]" for chain in chains),
            *(_line(["--append", chain, *arguments(rule)]) for chain, rules in chains.items() for rule in rules),
            *hooks,
            "COMMIT",
            "",
        ]
    )


def hook_first(saved: Iterable[str], hook: str, chain: str) -> list[str]:
    """The commands after which ``hook`` begins with the jump to ``chain``; ``saved`` is the table as it is."""
    rules = [line for line in saved if line.startswith(f"-A {hook} ")]
    jump = f"-A {hook} -j {chain}"
    if rules[:1] == [jump] and rules.count(jump) == 1:
        return []
    return [f"-D {hook} -j {chain}"] * rules.count(jump) + [f"-I {hook} 1 -j {chain}"]


def own_lines(saved: Iterable[str], chains: Iterable[str], hooks: Iterable[str]) -> list[str]:
    """Of a table as it is: all rules of our chains, and the first of each hook."""
    lines = list(saved)
    firsts = (next((line for line in lines if line.startswith(f"-A {hook} ")), "") for hook in hooks)
    named = tuple(f"{start} " for chain in chains for start in (f":{chain}", f"-A {chain}"))
    return [*(line.partition(" [")[0] for line in lines if line.startswith(named)), *firsts]


def _target(target: object) -> list[str]:
    if isinstance(target, str):
        return ["--jump", target]
    if not isinstance(target, Mapping):
        return []
    [(name, options)] = target.items()
    return ["--goto", str(options)] if name == "goto" else ["--jump", name, *_options(options)]


def _options(options: Mapping[str, object]) -> Iterator[str]:
    for name, value in options.items():
        values = [str(each) for each in value] if isinstance(value, list) else [str(value)]
        if values[0] == "!":
            yield values.pop(0)
        yield f"--{name}"
        yield from filter(None, values)


def _line(words: Iterable[str]) -> str:
    return " ".join(f'"{word}"' if " " in word else word for word in words)
