from __future__ import annotations

import pytest

from asterisk_ext.domain.errors import Refusal
from asterisk_ext.lab import plan as plans
from asterisk_ext.lab import up
from tests.integration.machine import free_ports


@pytest.mark.parametrize("name", ["", "../etc", "Lab", "a b", "x" * 33, "-a"])
def test_a_name_that_could_leave_its_directory_is_refused(name: str) -> None:
    with pytest.raises(Refusal) as refused:
        up.check_name(name)
    assert refused.value.error_id == "lab.bad_name"


def test_whoever_is_not_root_is_told_so_and_nothing_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    plan = plans.make(name="not-root", nodes=1, calls=0, port=1, detach=True)
    with pytest.raises(Refusal) as refused:
        up.up(plan, print)
    assert refused.value.error_id == "lab.not_root"
    assert not plan.place.exists()


def test_a_missing_program_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda program: None if program == "sipp" else f"/bin/{program}")
    plan = plans.make(name="no-sipp", nodes=1, calls=0, port=1, detach=True)
    with pytest.raises(Refusal) as refused:
        up.up(plan, print)
    assert refused.value.error_id == "lab.program_missing"
    assert "sipp" in refused.value.what
    assert not plan.place.exists()


def test_a_machine_without_namespaces_is_told_so_and_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(flags: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("asterisk_ext.lab.namespaces.unshare", forbidden)
    plan = plans.make(name="no-namespaces", nodes=1, calls=0, port=free_ports(1), detach=True)
    with pytest.raises(Refusal) as refused:
        up.up(plan, print)
    assert refused.value.error_id == "lab.no_namespaces"
    assert not plan.place.exists()
