"""Whatever Asterisk tells, in whatever order and however late."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from asterisk_ext.domain.call_events import Changed, Created, Dialled, Ended, Event, Snapshot
from asterisk_ext.domain.call_rows import Row
from asterisk_ext.domain.live_calls import LiveCalls
from tests.unit.domain.channels import AT, channel

IDS = st.sampled_from(["1.1", "1.2", "1.3", "1.4", "1.5"])
CHANNELS = st.builds(
    lambda own, state, of, kind: channel(own, f"{kind}-{own}", state, of=of),
    IDS,
    st.sampled_from(["Down", "Ring", "Ringing", "Up", "Busy"]),
    IDS,
    st.sampled_from(["PJSIP/1_200", "PJSIP/1_201", "Local/200@pbx-1", "Snoop/1"]),
)
EVENTS = st.one_of(
    st.builds(Created, CHANNELS, st.just(AT)),
    st.builds(Changed, CHANNELS, st.just(AT)),
    st.builds(Dialled, st.none() | CHANNELS, CHANNELS, st.just("1_200"), st.sampled_from(["", "ANSWER"]), st.just(AT)),
    st.builds(Ended, IDS, st.sampled_from([16, 17]), st.just(AT)),
)
STEPS = st.lists(st.tuples(st.floats(0, 2), EVENTS | st.lists(CHANNELS, max_size=3)), max_size=40)


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_every_living_channel_is_in_one_row_and_followers_of_differences_have_the_same_table(
    steps: list[tuple[float, Event | list[Snapshot]]],
) -> None:
    calls = LiveCalls()
    followed: dict[str, Row] = {}
    ended: set[str] = set()
    now, number = 0.0, 0
    for pause, step in steps:
        now += pause
        if isinstance(step, list):
            calls.merge(step, [], asked=now - 0.5, now=now)
        else:
            calls.apply(step, now)
            ended |= {step.id} if isinstance(step, Ended) else set()
            ended -= {step.channel.id} if isinstance(step, Created) else set()
        living = list(calls.living())
        assert not set(living) & ended
        assert sorted(living) == sorted(leg for row in calls.rows() for leg in calls.living_in(row["linkedid"]))
        changes = calls.changes_since(number)
        assert changes
        number = changes.number
        followed.update({row["linkedid"]: row for row in changes.rows})
        for linkedid in changes.removed:
            followed.pop(linkedid, None)
        assert followed == {row["linkedid"]: row for row in calls.rows()}
    calls.clear()
    assert calls.rows() == []


@settings(max_examples=200, deadline=None)
@given(st.lists(EVENTS, max_size=30))
def test_when_all_channels_have_ended_and_the_busy_ones_have_been_shown_nothing_is_left(events: list[Event]) -> None:
    calls = LiveCalls()
    for event in events:
        calls.apply(event, 0)
    for channel_id in ("1.1", "1.2", "1.3", "1.4", "1.5"):
        calls.apply(Ended(channel_id, 16, AT), 1)
    calls.expire(100)
    assert calls.rows() == []
    assert list(calls.living()) == []
