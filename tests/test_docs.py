"""What is not documented is a red test."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.documents import PAGES, ROOT, problems


@pytest.mark.parametrize("page", PAGES)
def test_the_reference_pages_say_what_the_code_does(page: str) -> None:
    assert (ROOT / page).read_text() == PAGES[page](), "write them anew: python -m tests.documents"


def test_every_error_id_reads_area_and_reason() -> None:
    assert [p.error_id for p in problems() if not re.fullmatch(r"[a-z_]+\.[a-z_]+", p.error_id)] == []


def test_every_refusal_says_what_to_do() -> None:
    assert [p.error_id for p in problems() if not p.remedy.strip().endswith((".", "?"))] == []


def test_the_operators_pages_exist_in_both_languages() -> None:
    english = {path.name for path in (ROOT / "docs/en").iterdir()}
    assert english == {path.name for path in (ROOT / "docs/pt-BR").iterdir()}


def test_the_readme_says_why_each_package_is_needed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(each for group in project["optional-dependencies"].values() for each in group),
    ]
    told = (ROOT / "README.md").read_text().partition("## Dependencies")[2]
    named = {name for line in re.findall(r"^\| ([^|]+) \|", told, re.MULTILINE) for name in line.split(", ")}
    assert {re.split("[<>=]", package)[0] for package in wanted} - named == set()
