"""Who is slowed down: in signalling only, and whoever forges it takes nothing of its share."""

from __future__ import annotations

import pytest

from firewall.kernel.source_sets import SourceSet
from tests.contract.kernel.node import (
    ENEMY,
    ENEMY6,
    ENEMY6_SOURCE,
    FRIEND,
    Node,
    OnNode,
)


def test_a_slowed_source_is_limited_in_signalling_and_not_in_media(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        node.kernel.put(SourceSet.SLOW, {ENEMY: 60.0, ENEMY6_SOURCE: 60.0})
        assert 30 <= node.heard(ENEMY, packets=400) < 300
        assert 30 <= node.heard(ENEMY6, packets=400) < 300
        assert node.heard(ENEMY, packets=400, port=12_000) == 400
        assert node.heard(FRIEND, packets=400) == 400
        node.kernel.lift([ENEMY])
        assert node.heard(ENEMY, packets=400) == 400

    on_node(body)


@pytest.mark.parametrize(("source", "slowed"), [(ENEMY, ENEMY), (ENEMY6, ENEMY6_SOURCE)])
def test_whoever_forges_the_address_of_a_slowed_phone_takes_nothing_of_its_share(
    on_node: OnNode, source: str, slowed: str
) -> None:
    def body(node: Node) -> None:
        with node.outside.socket(source) as phone, node.outside.socket(source) as refused:
            node.sends(source, b"SIP/2.0 200 OK\r\n", phone.getsockname()[1])
            node.sends(source, b"SIP/2.0 401 Unauthorized\r\n", refused.getsockname()[1])
            node.kernel.put(SourceSet.SLOW, {slowed: 60.0})
            assert node.heard(source, packets=400) < 300
            assert node.heard(source, packets=40, own=refused) < 40
            assert node.heard(source, packets=40, own=phone) == 40
            assert node.heard(source, packets=400, own=phone) < 300, "and it is limited by itself"

    on_node(body)


def test_who_is_banned_or_slowed_down_is_no_longer_let_in_as_known(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        node.limit_strangers()
        node.kernel.put(SourceSet.KNOWN, {FRIEND: 60.0, ENEMY: 60.0, ENEMY6_SOURCE: 60.0})
        assert [node.heard(source, packets=400) for source in (FRIEND, ENEMY, ENEMY6)] == [400, 400, 400]
        node.kernel.put(SourceSet.SLOW, {ENEMY: 60.0, ENEMY6_SOURCE: 60.0})
        assert all(30 <= node.heard(source, packets=400) < 300 for source in (ENEMY, ENEMY6))
        assert node.read(ENEMY, 40_000) == 40_000, "and is no stranger over a stream"
        node.kernel.put(SourceSet.BAN, {ENEMY: 60.0, ENEMY6_SOURCE: 60.0})
        assert [node.heard(source) for source in (FRIEND, ENEMY, ENEMY6)] == [3, 0, 0]
        assert list(node.kernel.listed(SourceSet.KNOWN)) == [FRIEND]

    on_node(body)
