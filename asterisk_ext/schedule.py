"""Jobs by the clock, as in a crontab; whoever schedules them holds the context, and leaving it ends them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

from asterisk_ext.domain.errors import Problem

BAD_SCHEDULE = Problem(
    "config.schedule_invalid",
    500,
    "The schedule {when!r} is not understood: {reason}.",
    'Write five fields as in a crontab, such as "30 4 * * *"; an empty text for never.',
)
JITTER_SECONDS = 1800
"""So that a fleet does not ask the same servers in the same second."""
LATE_SECONDS = 3600

Job = Callable[[], Awaitable[None]]


@asynccontextmanager
async def scheduled(jobs: Mapping[str, tuple[str, Job]], zone: str) -> AsyncIterator[AsyncIOScheduler]:
    """Run each job at its times (crontab; never for an empty text). Refuses ``config.schedule_invalid``."""
    scheduler = AsyncIOScheduler(timezone=zone)
    for name, (when, job) in jobs.items():
        if when:
            scheduler.add_job(
                job, trigger_of(when, zone), id=name, coalesce=True, max_instances=1, misfire_grace_time=LATE_SECONDS
            )
    scheduler.start()
    try:
        yield scheduler
    finally:
        scheduler.shutdown(wait=False)


def trigger_of(when: str, zone: str) -> CronTrigger:
    """Refuses ``config.schedule_invalid``."""
    try:
        trigger = CronTrigger.from_crontab(when, zone)
    except ValueError as error:
        raise BAD_SCHEDULE.refuse(field="schedule", when=when, reason=error) from error
    trigger.jitter = JITTER_SECONDS
    return trigger
