from __future__ import annotations

from pathlib import Path

from asterisk_ext.lab import plan as plans
from asterisk_ext.lab import state


def test_the_innermost_process_id_is_the_labs_own() -> None:
    assert state.inner_pid("Name:\tasterisk\nNSpid:\t29476\t18\nThreads:\t3\n") == 18


def test_a_lab_that_was_never_there_has_no_first_process(tmp_path: Path) -> None:
    assert state.first_process(tmp_path) is None


def test_another_process_that_has_the_dead_labs_id_is_not_taken_for_it(tmp_path: Path) -> None:
    state.write_first_process(tmp_path, 1)
    assert state.first_process(tmp_path) is None


def test_each_node_has_a_console_port_of_its_own() -> None:
    plan = plans.make(name="lab", nodes=3, calls=0, port=9000, detach=False)
    assert plan.ports() == {"node1": 9000, "node2": 9001, "node3": 9002}
