"""Violations that the rules of several resources share."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from corehr.apps.scopes import DataRange
from corehr.hr.employees.employments.records import Employment
from corehr.hr.employees.job_datas import records as job_datas
from corehr.kernel.clock import FOREVER, local_date
from corehr.kernel.db import Tx


class EmploymentCase(Protocol):
    """A request about one employment; `employment_or_none` is None when it does not exist."""

    @property
    def employment_or_none(self) -> Employment | None: ...


class DataRangeCase(Protocol):
    """A request of an app with a data range about the employments in `employment_ids`."""

    @property
    def tx(self) -> Tx: ...

    @property
    def data_range(self) -> DataRange: ...

    @property
    def employment_ids(self) -> Sequence[str]: ...


def employment_is_missing(c: EmploymentCase) -> bool:
    return c.employment_or_none is None


def employment_is_outside_data_range(c: DataRangeCase) -> bool:
    """Return whether one of the employments is outside the app's data range today, where it works."""
    if c.data_range.everyone:
        return False
    days = job_datas.days_at(c.tx, c.employment_ids, c.tx.now)
    return any(not job_datas.is_in_data_range(c.tx, c.data_range, id, day) for id, day in days.items())


def is_employed_today(tx: Tx, employment: Employment) -> bool:
    """Return whether the employment has begun and has not ended, on today's day where they work."""
    yesterday, tomorrow = (local_date(tx.now + timedelta(days=days), "UTC") for days in (-1, 1))
    if employment.onboarding_date <= yesterday and (employment.end_date or FOREVER) >= tomorrow:
        return True  # in every time zone
    [today] = job_datas.days_at(tx, [employment.id], tx.now).values()
    return employment.onboarding_date <= today <= (employment.end_date or FOREVER)
