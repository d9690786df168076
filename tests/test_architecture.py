"""The structure of the house, as failing tests."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("asterisk_ext", "agi", "ari_apps", "dialplan", "firewall", "admin_http")
EDGES = ("agi", "ari_apps", "dialplan", "firewall", "admin_http")
COMMON = ("asterisk_ext.services", "asterisk_ext.ports", "asterisk_ext.domain")
MAY_IMPORT = {
    "asterisk_ext/domain": ("asterisk_ext.domain",),
    "asterisk_ext/ports": ("asterisk_ext.ports", "asterisk_ext.domain"),
    "asterisk_ext/config": ("asterisk_ext.config", "asterisk_ext.domain"),
    "asterisk_ext/version.py": (),
    "asterisk_ext/tasks.py": (),
    "asterisk_ext/garbage.py": (),
    "asterisk_ext/schedule.py": ("asterisk_ext.domain",),
    "asterisk_ext/services": COMMON,
    "asterisk_ext/registry": (*COMMON, "asterisk_ext.config", "asterisk_ext.registry", "asterisk_ext.trust"),
    "asterisk_ext/trust": (*COMMON, "asterisk_ext.trust"),
    "asterisk_ext/store": (*COMMON, "asterisk_ext.store"),
    "asterisk_ext/peer": (*COMMON, "asterisk_ext.peer"),
    "asterisk_ext/names": COMMON,
    "asterisk_ext/own_program.py": COMMON,
    **{edge: (*COMMON, "asterisk_ext.config", "asterisk_ext.tasks", edge) for edge in EDGES},
}
FIREWALL_IMPORTS = {
    "lists": (),
    "log": (),
    "socket": (),
    "kernel": ("lists",),
    "countries": ("lists", "socket"),
    "bans": ("log", "kernel", "guard_state"),
    "rules": ("lists", "kernel", "countries", "bans", "socket", "guard_state"),
    "proof": ("kernel", "countries", "rules"),
    "node": ("lists", "countries", "socket"),
    "guard_state.py": ("log",),
}
"""Which of the firewall's folders may import which; ``guard.py`` puts them together."""
KNOW_EVERYTHING = ("asterisk_ext/runtime.py", "asterisk_ext/composition", "asterisk_ext/cli", "asterisk_ext/lab")
TOP_LEVEL = {
    "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "Makefile", "requirements.lock",
    "asterisk_ext", "agi", "ari_apps", "dialplan", "firewall", "admin_http", "tests", "docs",
}  # fmt: skip


def sources() -> list[Path]:
    return [path for top in OURS for path in sorted((ROOT / top).rglob("*.py"))]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, allowed: tuple[str, ...]) -> bool:
    return any(name == other or name.startswith(other + ".") for other in allowed)


@pytest.mark.parametrize("place", MAY_IMPORT)
def test_imports_point_one_way(place: str) -> None:
    for path in sources():
        if not path.relative_to(ROOT).as_posix().startswith(place):
            continue
        for name in imports(path):
            if name.split(".")[0] in OURS:
                assert within(name, MAY_IMPORT[place]), f"{path.relative_to(ROOT)} may not import {name}"


@pytest.mark.parametrize("place", FIREWALL_IMPORTS)
def test_inside_the_firewall_imports_point_one_way(place: str) -> None:
    allowed = tuple(f"firewall.{name}" for name in (place, *FIREWALL_IMPORTS[place]))
    for path in sources():
        if path.relative_to(ROOT).as_posix().startswith(f"firewall/{place}"):
            wrong = [name for name in imports(path) if within(name, ("firewall",)) and not within(name, allowed)]
            assert wrong == [], path


def test_beside_the_folders_lies_only_what_all_of_them_use() -> None:
    flat = {path.name for path in (ROOT / "asterisk_ext").glob("*.py")}
    assert flat == {
        "__init__.py", "runtime.py", "tasks.py", "schedule.py", "garbage.py", "own_program.py", "version.py"
    }  # fmt: skip


def test_the_firewall_s_files_lie_in_the_folder_of_their_subject() -> None:
    flat = {path.name for path in (ROOT / "firewall").glob("*.py")}
    assert flat == {"__init__.py", "guard.py", "guard_state.py", "early.py", "metrics.py"}


def test_the_domain_imports_the_standard_library_only() -> None:
    for path in (ROOT / "asterisk_ext/domain").rglob("*.py"):
        for name in imports(path):
            first = name.split(".")[0]
            assert first in sys.stdlib_module_names or name.startswith("asterisk_ext.domain"), f"{path}: {name}"


def test_the_domain_is_pure() -> None:
    forbidden = ("asyncio", "time", "logging", "socket", "os", "subprocess", "sqlite3", "pathlib", "random", "secrets")
    for path in (ROOT / "asterisk_ext/domain").rglob("*.py"):
        assert not [name for name in imports(path) if within(name, forbidden)], path
        assert not [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Await)], path


def test_every_source_file_has_its_place() -> None:
    known = (*MAY_IMPORT, *KNOW_EVERYTHING, "asterisk_ext/__init__.py")
    strays = [path for path in sources() if not path.relative_to(ROOT).as_posix().startswith(known)]
    assert strays == []


def test_the_top_level_is_the_design_cards() -> None:
    there = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert {name for name in there if not name.endswith((".egg-info", "__pycache__"))} == TOP_LEVEL


def test_nobody_speaks_to_a_shell() -> None:
    for path in sources():
        text = path.read_text()
        assert "shell=True" not in text, path
        assert "os.system" not in text, path
        assert "create_subprocess_shell" not in text, path


def test_files_have_one_subject() -> None:
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources()}
    assert {name: lines for name, lines in long.items() if lines > 300} == {}


def test_the_composition_root_fits_one_screen() -> None:
    assert len((ROOT / "asterisk_ext/runtime.py").read_text().splitlines()) <= 120
