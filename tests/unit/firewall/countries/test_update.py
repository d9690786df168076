"""From the registries' files to the guard's lists: fetched, checked twice, in use only when all of it is good."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from asterisk_ext.domain.errors import Refusal
from firewall.countries.build import build
from firewall.countries.check import ALL
from firewall.countries.delegated import REGISTRIES
from firewall.countries.keeper import CountryKeeper
from firewall.countries.lists import CountryLists
from firewall.countries.pack import pack
from firewall.kernel.fake import FakeLists
from firewall.kernel.port import KERNEL_REFUSED
from firewall.lists.address_lists import Lists
from firewall.lists.ranges import Range
from tests.unit.firewall.countries.registry_files import SMALL, text, written

ABOUT = {"since": "2026-11-02", "source": "a test", "licence": "CC0-1.0"}


class World:
    """A guard that uses Brazil's list, and the file in which newer lists are offered to it."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.offered = place / "offered.bin"
        self.kernel = FakeLists()
        (place / "state").mkdir()
        self.heard: list[tuple[str, int, int]] = []

    async def begin(self) -> None:
        await build(self.place / "state/countries.bin", written(self.place / "first"), self.say)
        self.keeper = self.fresh_keeper()

    def fresh_keeper(self) -> CountryKeeper:
        keeper = CountryKeeper(self.place / "state", self.offered, self.kernel)
        keeper.in_use = {"BR"}
        return keeper

    def say(self, name: str, done: int, total: int) -> None:
        self.heard.append((name, done, total))

    async def offer(self, changed: Mapping[str, tuple[str, ...]], *, day: str = "20261102") -> None:
        await build(self.offered, written(self.place / "next", changed, day=day), self.say)

    def offer_lists(self, lists: Lists) -> None:
        self.offered.write_bytes(pack(lists, **ABOUT))

    async def refused(self, *accepted: str) -> str:
        """The offer is refused and nothing has changed; with which id."""
        before, kept = self.keeper.lists, (self.place / "state/countries.bin").read_bytes()
        loaded = dict(self.kernel.loaded)
        with pytest.raises(Refusal) as refusal:
            await self.keeper.take(accepted)
        assert self.keeper.lists is before
        assert (self.place / "state/countries.bin").read_bytes() == kept
        assert self.kernel.loaded == loaded
        return refusal.value.error_id


@pytest.fixture
async def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    await world.begin()
    return world


def lacnic(*records: str) -> dict[str, tuple[str, ...]]:
    return {"lacnic": (*SMALL["lacnic"][3:], *records)}


BRAZIL = tuple(SMALL["lacnic"][:3])


async def test_newer_lists_are_taken_kept_and_in_the_kernel(world: World) -> None:
    await world.offer(lacnic(*BRAZIL, "BR|ipv4|200.200.0.0|256"))
    taken = await world.keeper.take()
    assert (taken.since, taken.has("BR", "200.200.0.9")) == ("2026-11-02", True)
    assert (0xC8C80000, 0xC8C80100) in world.kernel.loaded["country_br"][4]
    assert world.fresh_keeper().lists.since == "2026-11-02"


async def test_a_country_that_no_rule_names_does_not_go_into_the_kernel(world: World) -> None:
    await world.offer(lacnic(*BRAZIL, "UY|ipv4|201.0.0.0|256"))
    await world.keeper.take()
    assert world.kernel.loaded == {}


async def test_a_country_in_use_that_loses_more_than_a_twentieth_is_refused_and_another_is_not(world: World) -> None:
    await world.offer(lacnic("BR|ipv4|200.160.0.0|61440", *BRAZIL[1:]))
    assert await world.refused() == "country.shrunken"
    await world.offer({"lacnic": tuple(r for r in SMALL["lacnic"] if not r.startswith("UY"))})
    assert (await world.keeper.take()).codes() == ["AR", "AU", "BR", "DE", "US", "ZA"]


async def test_a_country_that_swapped_its_addresses_for_others_has_shrunken(world: World) -> None:
    await world.offer(lacnic("BR|ipv4|201.160.0.0|66304", BRAZIL[2]))
    assert await world.refused() == "country.shrunken"


async def test_ipv6_that_shrinks_is_refused_too(world: World) -> None:
    await world.offer(lacnic(*BRAZIL[:2], "BR|ipv6|2804::|33"))
    assert await world.refused() == "country.shrunken"


async def test_a_country_in_use_that_vanishes_is_refused_unless_accepted_by_name(world: World) -> None:
    await world.offer(lacnic())
    assert await world.refused() == "country.shrunken"
    assert await world.refused("AR") == "country.shrunken"
    assert "BR" not in await world.keeper.take(["BR"])


async def test_all_countries_together_may_not_shrink_either(world: World) -> None:
    await world.offer({"arin": ("US|ipv4|8.0.0.0|8388608",)})
    assert await world.refused() == "country.shrunken"
    assert (await world.keeper.take([ALL])).since == "2026-11-02"


async def test_a_country_in_use_that_claims_much_more_is_refused(world: World) -> None:
    await world.offer(lacnic(*BRAZIL, "BR|ipv4|201.0.0.0|131072"))
    assert await world.refused() == "country.grown"
    await world.offer(lacnic(*BRAZIL, "BR|ipv6|2a00::|12"))
    assert await world.refused() == "country.grown"


async def test_older_lists_are_refused(world: World) -> None:
    await world.offer({}, day="20261031")
    assert await world.refused() == "country.older"


async def test_what_is_no_file_of_lists_or_no_file_at_all_is_refused(world: World) -> None:
    assert await world.refused() == "country.nothing_offered"
    world.offered.write_bytes(b"x" * 100)
    assert await world.refused() == "country.damaged"
    world.offered.unlink()
    world.offered.symlink_to(world.place / "state/countries.bin")
    assert await world.refused() == "country.nothing_offered"
    world.offered.unlink()
    world.offered.mkdir()
    assert await world.refused() == "country.nothing_offered"


@pytest.mark.parametrize(
    "lists",
    [
        {"BR": {4: [(1 << 24, 2 << 24)]}, "DE": {4: [(1 << 24, 3 << 24)]}},
        {"BR": {4: [(127 << 24, 128 << 24)]}},
        {"BR": {6: [(0xFC00 << 112, 0xFD00 << 112)]}},
        {"Br": {4: [(1 << 24, 2 << 24)]}},
    ],
    ids=["two own it", "loopback", "private IPv6", "no code"],
)
async def test_well_packed_lists_that_cannot_be_true_are_refused(
    world: World, lists: dict[str, dict[int, list[Range]]]
) -> None:
    world.offer_lists(lists)
    assert await world.refused(ALL) == "country.damaged"


async def test_a_header_that_counts_wrongly_is_refused(world: World) -> None:
    good = pack({"BR": {4: [(1 << 24, 2 << 24)]}}, **ABOUT)
    world.offered.write_bytes(good.replace(b'"prefixes4":1', b'"prefixes4":2'))
    assert await world.refused(ALL) == "country.damaged"


async def test_when_the_kernel_refuses_the_old_lists_stay(world: World) -> None:
    await world.offer(lacnic(*BRAZIL, "BR|ipv4|200.200.0.0|256"))
    world.kernel.broken = KERNEL_REFUSED.refuse(reason="no")
    assert await world.refused() == "kernel.refused"


async def test_damaged_lists_in_the_state_give_way_to_the_embedded_ones(world: World) -> None:
    (world.place / "state/countries.bin").write_bytes(b"damaged")
    assert world.fresh_keeper().lists.since == CountryLists.open().since


@pytest.fixture
async def registries() -> AsyncIterator[tuple[TestServer, dict[str, bytes]]]:
    """A web server with whatever files a test puts there."""
    files = {f"/{registry}": text(registry, SMALL[registry]).encode() for registry in REGISTRIES}

    async def serve(request: web.Request) -> web.Response:
        body = files.get(request.path)
        return web.Response(status=404) if body is None else web.Response(body=body)

    app = web.Application()
    app.router.add_get("/{name}", serve)
    server = TestServer(app)
    await server.start_server()
    yield server, files
    await server.close()


def sources(server: TestServer) -> list[str]:
    return [str(server.make_url(f"/{registry}")) for registry in REGISTRIES]


async def test_files_are_fetched_over_http_with_progress(
    registries: tuple[TestServer, dict[str, bytes]], tmp_path: Path
) -> None:
    server, files = registries
    heard: list[tuple[str, int, int]] = []
    since = await build(tmp_path / "out", sources(server), lambda *said: heard.append(said))
    assert since == "2026-11-01"
    assert CountryLists.open(tmp_path / "out").has("BR", "200.162.2.255")
    assert heard[-1] == ("ripencc", len(files["/ripencc"]), len(files["/ripencc"]))


async def test_compressed_files_are_read_and_cut_ones_refused(
    registries: tuple[TestServer, dict[str, bytes]], tmp_path: Path
) -> None:
    server, files = registries
    files["/lacnic"] = gzip.compress(files["/lacnic"])
    await build(tmp_path / "out", sources(server), lambda *_: None)
    files["/lacnic"] = files["/lacnic"][:-9]
    with pytest.raises(Refusal, match="cut off"):
        await build(tmp_path / "out", sources(server), lambda *_: None)


async def test_a_checksum_beside_the_file_must_fit(
    registries: tuple[TestServer, dict[str, bytes]], tmp_path: Path
) -> None:
    server, files = registries
    digest = hashlib.md5(files["/lacnic"], usedforsecurity=False).hexdigest()
    files["/lacnic.md5"] = f"MD5 (delegated-lacnic-extended-latest) = {digest}\n".encode()
    await build(tmp_path / "out", sources(server), lambda *_: None)
    files["/lacnic"] = files["/lacnic"].replace(b"|AR|ipv4|200.0.0.0", b"|AR|ipv4|200.1.0.0")
    with pytest.raises(Refusal, match="checksum") as refused:
        await build(tmp_path / "out", sources(server), lambda *_: None)
    assert refused.value.error_id == "country.file_invalid"


async def test_a_missing_registry_or_one_twice_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    files = written(tmp_path / "files")
    for wrong in (files[:4], [*files, files[0]]):
        with pytest.raises(Refusal) as refused:
            await build(tmp_path / "out", wrong, lambda *_: None)
        assert refused.value.error_id == "country.file_invalid"
    assert not (tmp_path / "out").exists()


async def test_an_address_that_does_not_answer_or_has_no_file_is_named(
    registries: tuple[TestServer, dict[str, bytes]], tmp_path: Path
) -> None:
    server, files = registries
    del files["/arin"]
    for wrong in (sources(server), ["http://127.0.0.1:9/lacnic"], [str(tmp_path / "nothing")]):
        with pytest.raises(Refusal) as refused:
            await build(tmp_path / "out", wrong, lambda *_: None)
        assert refused.value.error_id == "country.source_unreachable"
