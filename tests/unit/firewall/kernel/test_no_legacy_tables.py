"""Where the kernel has no legacy tables the iptables driver refuses to start, and says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from asterisk_ext.domain.errors import Refusal
from firewall.kernel.drivers import kernel_of
from firewall.kernel.iptables import driver as iptables

SAID = "iptables-save v1.8.9 (legacy): Cannot initialize: Table does not exist (do you need to insmod?)"


@pytest.mark.parametrize("said", [SAID, None])
def test_the_refusal_names_the_other_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str | None) -> None:
    program = tmp_path / "iptables-legacy"
    if said is not None:
        save = Path(f"{program}-save")
        save.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 3\n")
        save.chmod(0o755)
    monkeypatch.setattr(iptables, "PROGRAMS", {False: str(program), True: str(program)})
    with pytest.raises(Refusal) as refused:
        iptables.IptablesKernel()
    assert refused.value.error_id == "kernel.no_legacy_tables"
    assert (said or "No such file") in str(refused.value)
    assert "nftables" in refused.value.remedy


def test_a_driver_that_is_none_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        kernel_of("ebpf")
    assert refused.value.error_id == "kernel.unknown_driver"
