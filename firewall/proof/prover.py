"""Proof of a candidate: a short-lived process of its own loads it into a throw-away namespace and sends it packets.

``python -m firewall.proof.prover``: a ``Task`` on standard input, a list of truth values or a refusal on standard
output. It needs no right beyond its namespace: as root it makes one, as anybody else inside a user namespace of its
own.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.firewall import Firewall
from asterisk_ext.domain.firewall_trial import Question
from asterisk_ext.domain.firewall_types import Protocol
from firewall.countries.lists import CountryLists
from firewall.kernel.filter import Filter, Match, filter_of
from firewall.kernel.ruleset import Ruleset
from firewall.proof.packets import SENTINEL
from firewall.proof.space import NO_NAMESPACE, ask, enter
from firewall.rules.list_content import contents

LONGEST_PROOF = 60.0


class Task(msgspec.Struct, frozen=True):
    driver: str
    firewall: Firewall
    questions: list[Question]
    countries: str
    """The file of the country lists."""


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    through: list[bool] = []
    impossible: str = ""


async def prove(task: Task) -> list[bool]:
    """Which questions' packets the candidate lets in. Refuses ``firewall.proof_impossible``."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "firewall.proof.prover",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(LONGEST_PROOF):
            told, trouble = await process.communicate(msgspec.json.encode(task))
    except TimeoutError:
        process.kill()
        await process.wait()
        raise NO_NAMESPACE.refuse(reason="it took too long") from None
    if process.returncode != 0:
        raise NO_NAMESPACE.refuse(reason=trouble.decode(errors="replace").strip()[-200:])
    outcome = msgspec.json.decode(told, type=Outcome)
    if outcome.impossible:
        raise NO_NAMESPACE.refuse(reason=outcome.impossible)
    return outcome.through


def tried(firewall: Firewall) -> Filter:
    """The candidate's rules with the sentinel before them."""
    made = filter_of(firewall)
    return replace(made, inbound=(Match(True, Protocol.UDP, None, 4, (f"{SENTINEL}/32",)), *made.inbound))


def carry_out(task: Task) -> Sequence[bool]:
    """Inside the helper: prove, in this very process."""
    from firewall.kernel.drivers import kernel_of

    enter()
    candidate = tried(task.firewall)
    kernel = kernel_of(task.driver)
    kernel.apply(Ruleset(confirmed=candidate))
    kernel.lists.load(contents(task.firewall, CountryLists.open(Path(task.countries))))
    return ask(task.questions)


def main() -> None:
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    try:
        outcome = Outcome(through=list(carry_out(task)))
    except Refusal as refusal:
        outcome = Outcome(impossible=str(refusal.params.get("reason", refusal.what)))
    sys.stdout.buffer.write(msgspec.json.encode(outcome))


if __name__ == "__main__":
    main()
