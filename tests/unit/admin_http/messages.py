"""Every message id of the tree: what templates and code mark, and the texts of every Problem."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, nodes

from asterisk_ext.domain.errors import Problem
from asterisk_ext.services.pjsip_import import REMARKS

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("asterisk_ext", "agi", "ari_apps", "dialplan", "firewall", "admin_http")
NOT_SHOWN = ("asterisk_ext/cli", "asterisk_ext/lab")
"""Refuse on the command line only, which speaks English."""
MARKS = {"_": 1, "rich": 1, "_n": 2}
"""Functions of the templates, and how many message ids each takes."""

Message = str | tuple[str, str]


def in_templates() -> set[Message]:
    environment = Environment(autoescape=True)
    found: set[Message] = set()
    for path in (ROOT / "admin_http/templates").glob("*.html"):
        for call in environment.parse(path.read_text()).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name in MARKS:
                found |= _constants(call.args[: MARKS[call.node.name]])
    return found


def _constants(arguments: list[nodes.Expr]) -> set[Message]:
    texts = [argument.value for argument in arguments if isinstance(argument, nodes.Const)]
    if len(texts) == 2:
        return {(texts[0], texts[1])}
    return set(texts)


def in_code() -> set[Message]:
    """What ``N_`` marks, and what ``words.text`` and ``words.rich`` are given."""
    found: set[Message] = set()
    for path in (ROOT / "admin_http").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                if name in ("N_", "text", "rich") and isinstance(node.args[0].value, str):
                    found.add(node.args[0].value)
    return found


def problems() -> Iterator[Problem]:
    """Every Problem declared at the top of a module."""
    seen: set[str] = set()
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            source = path.read_text()
            if "Problem(" not in source or path.relative_to(ROOT).as_posix().startswith(NOT_SHOWN):
                continue
            module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
            for value in vars(module).values():
                if isinstance(value, Problem) and value.error_id not in seen:
                    seen.add(value.error_id)
                    yield value


def everything() -> set[Message]:
    texts = {text for problem in problems() for text in (problem.what, problem.remedy)}
    return in_templates() | in_code() | texts | set(REMARKS)
