"""The records of job data: one timeline per job, and a projection of its assignments by day."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from corehr.apps.scopes import DataRange
from corehr.engines import versions
from corehr.engines.custom_fields import FieldDefinition, FieldType
from corehr.engines.timeline import Cause, Timeline
from corehr.hr.basic_data import custom_fields
from corehr.hr.employees.employments import records as employments
from corehr.hr.employees.job_datas import events
from corehr.hr.organization import departments
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Row, Tx
from corehr.kernel.statements import (
    bind,
    delete_by,
    in_list,
    in_tenant,
    insert_into,
    matches,
    statement,
    tenant_table,
    text_column,
)

KIND: Final = "job_data"
FORM: Final = "job_data"
OPTION_FIELDS: Final[Mapping[str, FieldDefinition]] = {
    name: FieldDefinition(name, FieldType.OPTION, options=options)
    for name, options in (
        ("work_shift", ("work_shift", "non_work_shift")),
        ("compensation_type", ("salary", "hourly", "daily")),
    )
}
"""The fields with options that every company has, by name. A company's own definition of a field replaces it."""

HEADCOUNT_FIELDS: Final = (
    "department_id",
    "work_location_id",
    "job_id",
    "job_family_id",
    "job_level_id",
    "employee_type_id",
)
"""The fields of job data by which headcount is counted."""

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

_employment = employments.employment
_INSERT = insert_into(assignment)
_DELETE = delete_by(assignment, "job_data_id")
_on_day = (assignment.c.valid_from <= bind("day"), assignment.c.valid_to > bind("day"))
_SELECT_COUNT = statement(
    sa.select(sa.func.count(sa.distinct(assignment.c.employment_id)).label("employments"))
    .join(
        _employment,
        sa.and_(_employment.c.tenant == assignment.c.tenant, _employment.c.id == assignment.c.employment_id),
    )
    .where(
        *matches(assignment, "department_id"),
        *_on_day,
        sa.or_(_employment.c.end_date.is_(None), _employment.c.end_date >= bind("day")),
        assignment.c.employment_id != bind("excluding"),
        *(
            sa.or_(bind(name, type_=sa.Text).is_(None), assignment.c[name] == bind(name, type_=sa.Text))
            for name in HEADCOUNT_FIELDS[1:]
        ),
    )
)
_in_period = (
    in_tenant(assignment),
    assignment.c.employment_id > bind("after_id"),
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
    .where(in_tenant(assignment), in_list(assignment.c.employment_id, "employment_ids"))
    .order_by(assignment.c.employment_id, assignment.c.valid_from)
)


def get_option_fields(tx: Tx) -> Mapping[str, FieldDefinition]:
    """Return the definitions of `OPTION_FIELDS`, with the options of the company."""
    own = custom_fields.get_definitions(tx, FORM)
    return {name: own.get(name, definition) for name, definition in OPTION_FIELDS.items()}


def create(tx: Tx, id: str, employment_id: str, day: IsoDate, body: Mapping[str, Any]) -> None:
    """Create the job data of an employment, valid from `day`, its onboarding date."""
    after = versions.append(tx, KIND, id, day, body, ("onboarding", employment_id))
    _rebuild_projections(tx, id, employment_id, after)
    tx.emit(events.created(id))


def append(tx: Tx, id: str, employment_id: str, day: IsoDate, patch: Mapping[str, Any], cause: Cause) -> None:
    """Apply `patch` from `day`, and emit an update; if no version starts on that day, emit a creation before it."""
    before = versions.timeline(tx, KIND, id)
    after = versions.append(tx, KIND, id, day, patch, cause)
    _rebuild_projections(tx, id, employment_id, after)
    if all(version.valid_from != day for version in before):
        tx.emit(events.created(id))
    tx.emit(events.updated(id))


def reporting_lines_without(tx: Tx, id: str, employment_id: str, cause: Cause) -> Sequence[Mapping[str, Any]]:
    """Return the reporting lines that retracting `cause` would add, as rows of `insert_reporting_lines`."""
    current = _reporting_lines(versions.timeline(tx, KIND, id), employment_id)
    return [
        line
        for line in _reporting_lines(versions.timeline_without(tx, KIND, id, cause), employment_id)
        if line not in current
    ]


def retract(tx: Tx, id: str, employment_id: str, cause: Cause) -> None:
    """Retract the entries of `cause` on this job data."""
    _before, after = versions.retract(tx, KIND, id, cause)
    _rebuild_projections(tx, id, employment_id, after)
    tx.emit(events.updated(id))


def count_employments(tx: Tx, field_values: Mapping[str, str | None], day: IsoDate, excluding: str) -> int:
    """Return the number of employments with these values on a day, not counting ended ones and `excluding`.

    `field_values` needs `department_id`; a field that is missing or None matches any value.
    """
    row = tx.fetch_one(
        _SELECT_COUNT, day=day, excluding=excluding, **{name: field_values.get(name) for name in HEADCOUNT_FIELDS}
    )
    return int(row["employments"]) if row else 0


def list_employment_ids(
    tx: Tx, department_id: str | None, since: IsoDate, until: IsoDate, after_id: str, limit: int
) -> Sequence[str]:
    """Return at most `limit` employment ids above `after_id`, in order, with job data in force between two days."""
    params: dict[str, Any] = {"since": since, "until": until, "after_id": after_id, "limit": limit}
    if department_id is None:
        return [r["employment_id"] for r in tx.fetch_all(_SELECT_EMPLOYMENT_IDS, **params)]
    return [
        r["employment_id"]
        for r in tx.fetch_all(_SELECT_EMPLOYMENT_IDS_IN_DEPARTMENT, department_id=department_id, **params)
    ]


def list_assignments(tx: Tx, employment_ids: Sequence[str]) -> Sequence[Row]:
    """Return the assignments of these employments, in order of employment and `valid_from`."""
    return tx.fetch_all(_SELECT_BY_EMPLOYMENTS, employment_ids=list(employment_ids))


def department_as_of(tx: Tx, employment_id: str, day: IsoDate) -> str | None:
    """Return the department of the employment on a day: its first one on earlier days, its last one on later days."""
    return _assigned_as_of(list_assignments(tx, [employment_id]), day, "department_id")


def is_in_data_range(tx: Tx, data_range: DataRange, employment_id: str, day: IsoDate) -> bool:
    """Return whether the range includes the employment, by its department on `day`."""
    if data_range.everyone:
        return True
    return departments.is_in_or_below(tx, department_as_of(tx, employment_id, day), data_range.departments, day)


def work_locations_as_of(tx: Tx, ids_and_days: Sequence[tuple[str, IsoDate]]) -> Sequence[str | None]:
    """Return the work location of each employment on its day, chosen as in `department_as_of`."""
    assignments: dict[str, list[Row]] = {}
    for row in list_assignments(tx, [id for id, _ in ids_and_days]):
        assignments.setdefault(row["employment_id"], []).append(row)
    return [_assigned_as_of(assignments.get(id, ()), day, "work_location_id") for id, day in ids_and_days]


def _assigned_as_of(rows: Sequence[Row], day: IsoDate, name: str) -> str | None:
    """Return the value of one employment's assignments on a day: the first one's on earlier days."""
    started = [r[name] for r in rows if r["valid_from"] <= day]
    return started[-1] if started else (rows[0][name] if rows else None)


def _reporting_lines(timeline: Timeline, employment_id: str) -> list[dict[str, Any]]:
    """Return the reporting lines of a timeline, as rows of `insert_reporting_lines`."""
    return [
        {
            "line": line,
            "employment_id": employment_id,
            "manager_id": v.body[line],
            "valid_from": v.valid_from,
            "valid_to": v.valid_to,
        }
        for v in timeline
        for line in employments.REPORTING_LINES
        if v.body.get(line)
    ]


def _rebuild_projections(tx: Tx, id: str, employment_id: str, timeline: Timeline) -> None:
    """Replace the assignments and reporting lines that this timeline projects."""
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
    employments.delete_reporting_lines(tx, id)
    employments.insert_reporting_lines(tx, id, _reporting_lines(timeline, employment_id))


EVENTS_BY_PRIMITIVE: Final[Mapping[str, Sequence[str]]] = {
    "create": ("corehr.job_data.created_v1",),
    "retract": ("corehr.job_data.updated_v1",),
    "append": ("corehr.job_data.created_v1", "corehr.job_data.updated_v1"),
}
"""The events that each function above emits when it changes rows; the other functions emit none."""
