"""Violations that the rules of several resources share."""

from collections.abc import Sequence
from typing import Protocol

from corehr.apps.scopes import DataRange
from corehr.hr.employees.employments import records as employments
from corehr.hr.employees.employments.records import Employment
from corehr.hr.employees.job_datas import records as job_datas
from corehr.hr.organization import locations
from corehr.kernel import tenants
from corehr.kernel.clock import IsoDate, local_date
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
    """Return whether one of the employments is outside the app's data range today."""
    if c.data_range.everyone:
        return False
    today = tenants.today(c.tx)
    return any(not job_datas.is_in_data_range(c.tx, c.data_range, id, today) for id in c.employment_ids)


def today_of(tx: Tx, employment_id: str) -> IsoDate:
    """Return the calendar day that it is now in the time zone where the person works."""
    day = tx.recorded_at[:10]
    [location_id] = job_datas.work_locations_as_of(tx, [(employment_id, day)])
    [time_zone] = locations.time_zones_as_of(tx, [(location_id, day)])
    return local_date(tx.now, time_zone)


def is_employed_today(tx: Tx, employment_id: str) -> bool:
    """Return whether the employment, which must exist, has begun and has not ended, on today's day where they work."""
    employment = employments.get_existing(tx, employment_id)
    today = today_of(tx, employment_id)
    return employment.onboarding_date <= today and (employment.end_date is None or today <= employment.end_date)
