from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[1] / "asterisk_ext/lab/setup"


@pytest.fixture
def unreachable_mirror(tmp_path: Path) -> dict[str, str]:
    """An environment in which debootstrap says what it says when no mirror answers."""
    program = tmp_path / "bin/debootstrap"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'E: Failed getting release file'\nexit 1\n")
    program.chmod(0o755)
    return dict(os.environ) | {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "ASTERISK_EXT_ASTERISK_ROOT": str(tmp_path / "cache/asterisk-root"),
    }


def test_setting_up_what_is_set_up_does_nothing() -> None:
    done = subprocess.run(["bash", SETUP / "setup.sh"], capture_output=True, text=True, check=True)
    assert done.stdout == "setup: all is installed.\n"


def test_an_unreachable_mirror_is_told_with_the_step_the_reason_and_what_to_do(
    unreachable_mirror: dict[str, str], tmp_path: Path
) -> None:
    root = tmp_path / "cache/asterisk-root"
    done = subprocess.run(
        ["bash", SETUP / "setup.sh"], capture_output=True, text=True, env=unreachable_mirror, check=False
    )
    assert done.returncode == 1
    assert f'setup.failed: the step "Asterisk into {root} (some minutes)" failed' in done.stderr
    assert "E: Failed getting release file" in done.stderr
    assert "Look whether the mirror" in done.stderr
    assert not root.exists()
