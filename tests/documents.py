"""The reference pages that follow from the code; ``python -m tests.documents`` writes them, a test compares them."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Annotated, get_args, get_origin, get_type_hints

import msgspec
from msgspec import NODEFAULT

from asterisk_ext.config import Config, Section, ServiceLimit
from asterisk_ext.domain.errors import Problem

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("asterisk_ext", "agi", "ari_apps", "dialplan", "firewall", "admin_http")


def modules() -> Iterator[ModuleType]:
    for name in PACKAGES:
        package = importlib.import_module(name)
        yield package
        for info in pkgutil.walk_packages(package.__path__, name + "."):
            if not info.name.endswith("__main__"):
                yield importlib.import_module(info.name)


def problems() -> list[Problem]:
    """Every refusal that the product can give, by its id."""
    found = {
        value.error_id: value for module in modules() for value in vars(module).values() if isinstance(value, Problem)
    }
    return [found[name] for name in sorted(found)]


def errors_page() -> str:
    rows = [f"| `{p.error_id}` | {p.status} | {_cell(p.what)} | {_cell(p.remedy)} |" for p in problems()]
    head = [
        "# Refusals",
        "",
        "Every `error_id`, stable from version to version. A refused act has changed nothing.",
        "",
    ]
    return "\n".join([*head, "| error_id | HTTP | what | what to do |", "|---|---|---|---|", *rows, ""])


def settings_page() -> str:
    lines = [
        "# Settings",
        "",
        "`/etc/asterisk-ext/config.toml`; an unknown key is refused. Defaults apply to what is left out.",
        "",
    ]
    for section in msgspec.structs.fields(Config):
        lines += [f"## `[{section.name}]`", "", *_settings(get_type_hints(Config)[section.name])]
    lines += ["## `[guard.services.NAME]`", "", *_settings(ServiceLimit)]
    return "\n".join(lines)


def _settings(kind: type[Section]) -> list[str]:
    rows = ["| key | default | meaning |", "|---|---|---|"]
    hints = get_type_hints(kind, include_extras=True)
    for field in msgspec.structs.fields(kind):
        default = msgspec.json.encode(field.default if field.default_factory is NODEFAULT else field.default_factory())
        rows.append(f"| `{field.name}` | `{default.decode()}` | {_description(hints[field.name])} |")
    return [*rows, ""]


def _description(hint: object) -> str:
    assert get_origin(hint) is Annotated, f"{hint} has no description"
    return str(next(meta.description for meta in get_args(hint)[1:] if meta.description))


def _cell(text: str) -> str:
    return text.replace("\n", " ").replace("|", "\\|")


PAGES = {"docs/errors.md": errors_page, "docs/settings.md": settings_page}

if __name__ == "__main__":
    for page, make in PAGES.items():
        (ROOT / page).write_text(make())
