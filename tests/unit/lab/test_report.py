from __future__ import annotations

import os

import pytest

from asterisk_ext.domain.errors import Problem, Refusal
from asterisk_ext.lab.report import Report, follow

FAULT = Problem("lab.fault", 500, "{what} {{is}} wrong.", "Mend it.")


def said(*acts: str) -> tuple[list[str], Refusal | None]:
    """What `lab up` hears when the first process does these acts and ends."""
    read_end, write_end = os.pipe()
    report = Report(write_end)
    for act in acts:
        if act == "ready":
            report.ready()
        elif act == "failed":
            report.failed(FAULT.refuse(what="a"))
        else:
            report.say(act)
    if "ready" not in acts:
        os.close(write_end)
    steps: list[str] = []
    with os.fdopen(read_end) as pipe:
        try:
            steps.extend(follow(pipe, lambda: "the end"))
        except Refusal as refusal:
            return steps, refusal
    return steps, None


def test_steps_are_heard_until_the_lab_is_ready() -> None:
    assert said("machines", "services", "ready") == (["machines", "services"], None)


def test_a_refusal_inside_is_the_same_refusal_outside() -> None:
    _, refusal = said("machines", "failed")
    assert refusal is not None
    assert (refusal.error_id, refusal.what, refusal.remedy) == ("lab.fault", "a {is} wrong.", "Mend it.")


def test_a_lab_that_dies_without_a_word_is_told_by_its_last_lines() -> None:
    _, refusal = said("machines")
    assert refusal is not None
    assert refusal.error_id == "lab.died"
    assert "the end" in refusal.what


def test_a_lab_that_nobody_waits_for_ends() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with pytest.raises(SystemExit):
        Report(write_end).say("machines")
    os.close(write_end)
