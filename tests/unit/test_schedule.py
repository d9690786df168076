"""Jobs by the clock."""

from __future__ import annotations

import asyncio
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from asterisk_ext.config import Countries
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.schedule import JITTER_SECONDS, scheduled, trigger_of

ZONE = "America/Sao_Paulo"


def test_the_default_is_once_a_night_by_the_nodes_own_clock() -> None:
    trigger = trigger_of(Countries().schedule, ZONE)
    noon = datetime(2026, 11, 23, 12, 0, tzinfo=ZoneInfo(ZONE))
    due = trigger.get_next_fire_time(None, noon)
    planned = datetime(2026, 11, 24, 4, 30, tzinfo=ZoneInfo(ZONE))
    assert abs((due - planned).total_seconds()) <= JITTER_SECONDS


@pytest.mark.parametrize("when", ["every night", "61 4 * * *", "* * * *"])
def test_a_schedule_that_is_none_is_refused(when: str) -> None:
    with pytest.raises(Refusal) as refused:
        trigger_of(when, ZONE)
    assert (refused.value.error_id, refused.value.field) == ("config.schedule_invalid", "schedule")


async def test_a_due_job_runs_in_the_event_loop_and_one_without_times_never(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asterisk_ext.schedule.JITTER_SECONDS", 0)
    ran = asyncio.Event()

    async def job() -> None:
        ran.set()

    async def never() -> None:
        raise AssertionError

    async with scheduled({"often": ("* * * * *", job), "never": ("", never)}, ZONE) as scheduler:
        assert [each.id for each in scheduler.get_jobs()] == ["often"]
        scheduler.get_jobs()[0].modify(next_run_time=datetime.now(ZoneInfo(ZONE)))
        async with asyncio.timeout(10):
            await ran.wait()
