"""Job data, as records: a dated timeline per job, and who works where on which day."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from corehr.engines import versions
from corehr.engines.timeline import Cause, Timeline
from corehr.hr.employments import records as people
from corehr.hr.job_datas import events
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Row, Tx
from corehr.kernel.statements import (
    bind,
    delete_by,
    in_list,
    insert_into,
    matches,
    of_tenant,
    statement,
    tenant_table,
    text_column,
)

KIND: Final = "job_data"
HEADCOUNT_FIELDS: Final = (
    "department_id",
    "work_location_id",
    "job_id",
    "job_family_id",
    "job_level_id",
    "employee_type_id",
)
"""The fields of job data by which people are counted."""

assignment = tenant_table(
    "assignment",
    text_column("job_data_id", key=True),
    text_column("valid_from", key=True),
    text_column("valid_to"),
    text_column("employment_id"),
    *(text_column(name, optional=True) for name in HEADCOUNT_FIELDS),
    sa.Index("assignment_by_department", "tenant", "department_id", "employment_id"),
    sa.Index("assignment_by_employment", "tenant", "employment_id"),
)

_employment = people.employment
_INSERT = insert_into(assignment)
_DELETE = delete_by(assignment, "job_data_id")
_on_day = (assignment.c.valid_from <= bind("day"), assignment.c.valid_to > bind("day"))
_SELECT_COUNT = statement(
    sa.select(sa.func.count(sa.distinct(assignment.c.employment_id)).label("people"))
    .join(
        _employment,
        sa.and_(_employment.c.tenant == assignment.c.tenant, _employment.c.id == assignment.c.employment_id),
    )
    .where(
        *matches(assignment, "department_id"),
        *_on_day,
        sa.or_(_employment.c.end_date.is_(None), _employment.c.end_date >= bind("day")),
        assignment.c.employment_id != bind("but_not"),
        *(
            sa.or_(bind(name, type_=sa.Text).is_(None), assignment.c[name] == bind(name, type_=sa.Text))
            for name in HEADCOUNT_FIELDS[1:]
        ),
    )
)
_in_period = (
    of_tenant(assignment),
    assignment.c.employment_id > bind("beyond"),
    assignment.c.valid_from <= bind("until"),
    assignment.c.valid_to > bind("since"),
)
_SELECT_EMPLOYMENT_IDS = statement(
    sa.select(assignment.c.employment_id)
    .where(*_in_period)
    .distinct()
    .order_by(assignment.c.employment_id)
    .limit(bind("limit"))
)
_SELECT_EMPLOYMENT_IDS_IN_DEPARTMENT = statement(
    sa.select(assignment.c.employment_id)
    .where(*_in_period, assignment.c.department_id == bind("department_id"))
    .distinct()
    .order_by(assignment.c.employment_id)
    .limit(bind("limit"))
)
_SELECT_BY_EMPLOYMENTS = statement(
    sa.select(assignment)
    .where(of_tenant(assignment), in_list(assignment.c.employment_id, "employment_ids"))
    .order_by(assignment.c.employment_id, assignment.c.valid_from)
)


def create(tx: Tx, id: str, employment_id: str, day: IsoDate, body: Mapping[str, Any]) -> None:
    """A person's first job data, from the day of onboarding."""
    after = versions.append(tx, KIND, id, day, body, ("onboarding", employment_id))
    _rebuild_projections(tx, id, employment_id, after)
    tx.emit(events.created(id))


def append(
    tx: Tx, id: str, employment_id: str, before: Timeline, day: IsoDate, patch: Mapping[str, Any], cause: Cause
) -> None:
    """From a day on the person works as `patch` says; a version that begins on that day is created."""
    after = versions.append_to_timeline(tx, KIND, id, before, day, patch, cause)
    _rebuild_projections(tx, id, employment_id, after)
    if all(version.valid_from != day for version in before):
        tx.emit(events.created(id))
    tx.emit(events.updated(id))


def reporting_lines_without(tx: Tx, id: str, employment_id: str, cause: Cause) -> Sequence[Mapping[str, Any]]:
    """The reporting lines that would be new if `cause` had never said anything of the job data."""
    current = _reporting_lines(versions.timeline(tx, KIND, id), employment_id)
    return [
        line
        for line in _reporting_lines(versions.timeline_without(tx, KIND, id, cause), employment_id)
        if line not in current
    ]


def retract(tx: Tx, id: str, employment_id: str, cause: Cause) -> None:
    """What `cause` said of the job data is withdrawn."""
    _before, after = versions.retract(tx, KIND, id, cause)
    _rebuild_projections(tx, id, employment_id, after)
    tx.emit(events.updated(id))


def count_employments(tx: Tx, field_values: Mapping[str, str | None], day: IsoDate, excluding: str) -> int:
    """How many people, without one and those who have left, have these values on a day; `department_id` is given."""
    row = tx.fetch_one(
        _SELECT_COUNT, day=day, but_not=excluding, **{name: field_values.get(name) for name in HEADCOUNT_FIELDS}
    )
    return int(row["people"]) if row else 0


def list_employment_ids(
    tx: Tx, department_id: str | None, since: IsoDate, until: IsoDate, after_id: str, limit: int
) -> Sequence[str]:
    """Employments, in order of id after `beyond`, with job data in force between two days."""
    params: dict[str, Any] = {"since": since, "until": until, "beyond": after_id, "limit": limit}
    if department_id is None:
        return [r["employment_id"] for r in tx.fetch_all(_SELECT_EMPLOYMENT_IDS, **params)]
    return [
        r["employment_id"]
        for r in tx.fetch_all(_SELECT_EMPLOYMENT_IDS_IN_DEPARTMENT, department_id=department_id, **params)
    ]


def list_assignments(tx: Tx, employment_ids: Sequence[str]) -> Sequence[Row]:
    """Who of these people works where, from when to when, in order of person and day."""
    return tx.fetch_all(_SELECT_BY_EMPLOYMENTS, employment_ids=list(employment_ids))


def department_as_of(tx: Tx, employment_id: str, day: IsoDate) -> str | None:
    """The department the person works in on a day: the first one if the day is before it, the last if after."""
    return _assigned_as_of(tx, employment_id, day, "department_id")


def work_location_as_of(tx: Tx, employment_id: str, day: IsoDate) -> str | None:
    """Where the person works on a day; the same."""
    return _assigned_as_of(tx, employment_id, day, "work_location_id")


def _assigned_as_of(tx: Tx, employment_id: str, day: IsoDate, name: str) -> str | None:
    rows = list_assignments(tx, [employment_id])
    started = [r[name] for r in rows if r["valid_from"] <= day]
    return started[-1] if started else (rows[0][name] if rows else None)


def _reporting_lines(timeline: Timeline, employment_id: str) -> list[dict[str, Any]]:
    """The reporting lines that a timeline of job data draws."""
    return [
        {
            "line": line,
            "employment_id": employment_id,
            "manager_id": v.body[line],
            "valid_from": v.valid_from,
            "valid_to": v.valid_to,
        }
        for v in timeline
        for line in people.REPORTING_LINES
        if v.body.get(line)
    ]


def _rebuild_projections(tx: Tx, id: str, employment_id: str, timeline: Timeline) -> None:
    """Write anew what is asked across people: where they work, and to whom they report."""
    tx.execute(_DELETE, job_data_id=id)
    tx.execute_many(
        _INSERT,
        [
            {
                "job_data_id": id,
                "employment_id": employment_id,
                "valid_from": v.valid_from,
                "valid_to": v.valid_to,
                **{name: v.body.get(name) for name in HEADCOUNT_FIELDS},
            }
            for v in timeline
        ],
    )
    people.delete_reporting_lines(tx, id)
    people.insert_reporting_lines(tx, id, _reporting_lines(timeline, employment_id))
