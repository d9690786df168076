"""Servers that have left the fleet lose their connections with this machine, those that they make anew too."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection

import pytest

from firewall.kernel.tcp_end import end_connections
from firewall.rules.gone import TIMES, Gone

FIRST, SECOND, THIRD = "198.18.1.1", "198.18.1.2", "198.18.1.3"
REMOVED, STAYING = "127.7.7.9", "127.7.7.8"


class Ending:
    """Remembers whose connections were ended; ``reached`` waits until so many times."""

    def __init__(self) -> None:
        self.ended: list[tuple[str, ...]] = []

    def __call__(self, addresses: Collection[str]) -> int:
        self.ended.append(tuple(sorted(addresses)))
        return 0

    async def reached(self, times: int) -> None:
        async with asyncio.timeout(20):
            while len(self.ended) < times:  # noqa: ASYNC110
                await asyncio.sleep(0.001)


async def running(gone: Gone, pause: float, ending: Ending, times: int) -> None:
    task = asyncio.ensure_future(gone.run(pause))
    await ending.reached(times)
    task.cancel()


async def test_a_server_that_is_not_told_any_more_is_ended_again_and_again_for_a_while() -> None:
    ending = Ending()
    gone = Gone(ending)
    gone.told([FIRST, SECOND])
    gone.told([FIRST])
    await running(gone, 0.0, ending, TIMES)
    assert ending.ended == [(SECOND,)] * TIMES


async def test_a_server_that_comes_back_is_left_alone() -> None:
    ending = Ending()
    gone = Gone(ending)
    gone.told([FIRST, SECOND, THIRD])
    gone.told([FIRST])
    gone.told([FIRST, SECOND])
    await running(gone, 60.0, ending, 1)
    assert ending.ended == [(THIRD,)]


async def test_a_server_that_left_while_the_guard_was_away_is_ended_too() -> None:
    ending = Ending()
    gone = Gone(ending, [FIRST, SECOND])
    gone.told([FIRST])
    await running(gone, 60.0, ending, 1)
    assert ending.ended == [(SECOND,)]


@pytest.mark.parametrize("family, place", [(socket.AF_INET, "127.7.7.5"), (socket.AF_INET6, "::")])
def test_connections_with_an_address_end_at_once_on_both_sides_and_nobody_elses_do(
    family: socket.AddressFamily, place: str
) -> None:
    with socket.create_server((place, 0), family=family, dualstack_ipv6=family == socket.AF_INET6) as server:
        port = server.getsockname()[1]
        with (
            socket.create_connection(("127.7.7.5", port), source_address=(REMOVED, 0)) as removed,
            socket.create_connection(("127.7.7.5", port), source_address=(STAYING, 0)) as staying,
        ):
            (ours, _), (others, _) = server.accept(), server.accept()
            with ours, others:
                assert end_connections([REMOVED]) == 1
                with pytest.raises(ConnectionResetError):
                    removed.recv(1)
                with pytest.raises(ConnectionAbortedError):
                    ours.send(b"x")
                others.send(b"x")
                assert staying.recv(1) == b"x"
                assert end_connections([REMOVED]) == 0
