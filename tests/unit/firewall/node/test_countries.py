"""Updating from end to end: a child process builds, and the guard takes what it has built."""

from __future__ import annotations

from pathlib import Path

import pytest

from asterisk_ext.domain.errors import Refusal
from asterisk_ext.ports.countries import Fetched
from firewall.countries.keeper import OFFERED, CountryKeeper
from firewall.kernel.fake import FakeLists
from firewall.node.countries import CountryFiles
from tests.unit.firewall.countries.registry_files import SMALL, text, written


async def built(files: CountryFiles, sources: list[str]) -> list[Fetched]:
    return [fetched async for fetched in files.build(sources)]


async def test_a_child_process_makes_what_the_guard_then_takes(tmp_path: Path) -> None:
    sources = written(tmp_path / "files", day="20991231")
    said = await built(CountryFiles(tmp_path), sources)
    assert [fetched.name for fetched in said] == [Path(source).name for source in sources]
    assert all(fetched.done == fetched.total > 0 for fetched in said)
    keeper = CountryKeeper(tmp_path, tmp_path / OFFERED, FakeLists())
    assert (await keeper.take(["all countries"])).since == "2099-12-31"


async def test_what_the_child_refuses_is_refused_with_its_own_id_and_nothing_is_offered(tmp_path: Path) -> None:
    sources = written(tmp_path / "files", cut="lacnic")
    with pytest.raises(Refusal, match="promises 8 records") as refused:
        await built(CountryFiles(tmp_path), sources)
    assert (refused.value.error_id, refused.value.field) == ("country.file_invalid", "file")
    assert not (tmp_path / OFFERED).exists()


async def test_files_handed_over_are_sources_until_they_are_forgotten(tmp_path: Path) -> None:
    files = CountryFiles(tmp_path)
    assert files.kept() == []
    for registry, records in SMALL.items():
        files.keep(registry, text(registry, records).encode())
    assert len(await built(files, list(files.kept()))) == 5
    files.forget()
    assert files.kept() == []
