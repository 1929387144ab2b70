"""Records of employments: the table, the effective-dated fields, and the reporting lines with their dates."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from corehr.engines import versions
from corehr.engines.timeline import Cause, Timeline, changed_fields, version_as_of
from corehr.hr.basic_data import custom_fields
from corehr.hr.employees.employments import events
from corehr.kernel.clock import FOREVER, IsoDate, next_day
from corehr.kernel.db import Row, Tx
from corehr.kernel.ids import UNKNOWN_ID
from corehr.kernel.statements import (
    BoundText,
    bind,
    delete_by,
    in_list,
    in_tenant,
    insert_into,
    matches,
    select_by,
    statement,
    tenant_table,
    text_column,
    update_columns,
)

KIND: Final = "employment"
FORM: Final = "employment"
"""The form of the custom fields of employments; the body of a version has their values by `custom_fields.key_of`."""

DIRECT_MANAGER: Final = "direct_manager_id"
DOTTED_MANAGER: Final = "dotted_manager_id"
REPORTING_LINES: Final = (DIRECT_MANAGER, DOTTED_MANAGER)
"""The kinds of reporting line, each named as the job-data field that holds the manager. Each kind has its own lock."""

EMPLOYEE_NUMBER: Final = "employee_number"
"""A field of an employment that one employment only may have."""

TERMINATED: Final = "terminated"
"""`employment_status` of an employment that has ended; an employment without the field has not ended."""

employment = tenant_table(
    "employment",
    text_column("id", key=True),
    text_column("user_id"),
    text_column("people_admin_id"),
    text_column("name"),
    text_column("job_data_id"),
    text_column("onboarding_date"),
    text_column("end_date", optional=True),
    sa.Index("employment_by_user_id", "tenant", "user_id", unique=True),
    sa.Index("employment_by_people_admin_id", "tenant", "people_admin_id", unique=True),
)
reporting_line = tenant_table(
    "reporting_line",
    text_column("line", key=True),
    text_column("employment_id", key=True),
    text_column("source_id", key=True),
    text_column("valid_from", key=True),
    text_column("valid_to"),
    text_column("manager_id"),
    sa.Index("reporting_line_by_source", "tenant", "source_id"),
)
employee_number = tenant_table(
    "employee_number",
    text_column("number", key=True),
    text_column("source_id", key=True),
    text_column("employment_id"),
    sa.Index("employee_number_by_source", "tenant", "source_id"),
)


class Employment(NamedTuple):
    """One person's employment. `end_date` is the last day, if it is known."""

    tenant: str
    id: str
    user_id: str
    people_admin_id: str
    name: str
    job_data_id: str
    onboarding_date: IsoDate
    end_date: IsoDate | None


class ReportingLink(NamedTuple):
    """Who would be the manager on a line, from a day on and before another one."""

    line: str
    manager_id: str
    valid_from: IsoDate
    valid_to: IsoDate = FOREVER


_INSERT = insert_into(employment)
_SELECT = select_by(employment, "id")
_SELECT_FOR_UPDATE = statement(sa.select(employment).where(*matches(employment, "id")).with_for_update())
_SELECT_MANY = statement(sa.select(employment).where(in_tenant(employment), in_list(employment.c.id, "ids")))
_SELECT_BY_USER_IDS = statement(
    sa.select(employment).where(in_tenant(employment), in_list(employment.c.user_id, "values"))
)
_SELECT_BY_PEOPLE_ADMIN_IDS = statement(
    sa.select(employment).where(in_tenant(employment), in_list(employment.c.people_admin_id, "values"))
)
_UPDATE_END_DATE = update_columns(employment, "end_date")
_INSERT_LINES = insert_into(reporting_line)
_DELETE_LINES = delete_by(reporting_line, "source_id")
_INSERT_NUMBERS = insert_into(employee_number)
_DELETE_NUMBERS = delete_by(employee_number, "source_id")
_SELECT_OTHER_HOLDER = statement(
    sa.select(employee_number.c.employment_id)
    .where(*matches(employee_number, "number"), employee_number.c.employment_id != bind("employment_id"))
    .limit(1)
)


def _select_managers_above() -> sa.Select[Any]:
    """Select the ids of a manager and of all managers above, following one line over the days that its links share.

    The walk stops at `employment_id`. Lines of pending job changes count beside the current ones, since a change may
    still be approved or rejected. Tenant and line are columns of the recursion, so that SQLite looks up each step by
    all three key columns instead of reading the whole line.
    """
    seed = sa.select(
        BoundText("tenant").label("tenant"),
        BoundText("line").label("line"),
        BoundText("manager_id").label("manager_id"),
        BoundText("valid_from").label("valid_from"),
        BoundText("valid_to").label("valid_to"),
    )
    chain, line = seed.cte("chain", recursive=True), reporting_line.c
    latest_start = sa.case((chain.c.valid_from > line.valid_from, chain.c.valid_from), else_=line.valid_from)
    earliest_end = sa.case((chain.c.valid_to < line.valid_to, chain.c.valid_to), else_=line.valid_to)
    next_link = sa.and_(
        line.tenant == chain.c.tenant, line.line == chain.c.line, line.employment_id == chain.c.manager_id
    )
    step = (
        sa.select(chain.c.tenant, chain.c.line, line.manager_id, latest_start, earliest_end)
        .select_from(chain)
        .join(reporting_line, next_link)
        .where(
            line.valid_from < chain.c.valid_to,
            line.valid_to > chain.c.valid_from,
            chain.c.manager_id != bind("employment_id"),
        )
    )
    chain = chain.union(step)
    return sa.select(chain.c.manager_id).distinct()


_SELECT_MANAGERS_ABOVE = statement(_select_managers_above())


def create(tx: Tx, employment: Employment, body: Mapping[str, Any]) -> None:
    """Insert an employment; `body` holds its effective-dated fields, valid from the onboarding date."""
    row = {name: getattr(employment, name) for name in Employment._fields if name != "tenant"}
    tx.execute(_INSERT, **row)
    after = versions.append(tx, KIND, employment.id, employment.onboarding_date, body, ("onboarding", employment.id))
    _hold_numbers_of(tx, employment.id, after)
    tx.emit(events.created(employment.id))


def get(tx: Tx, id: str) -> Employment | None:
    row = tx.fetch_one(_SELECT, id=id)
    return Employment(**row) if row else None


def find(tx: Tx, id: Any) -> Employment | None:
    """Return the employment with this id, which may be anything, or None."""
    return get(tx, id) if isinstance(id, str) and id not in ("", UNKNOWN_ID) else None


def get_existing(tx: Tx, id: str) -> Employment:
    """Return the employment, which must exist."""
    found = get(tx, id)
    assert found is not None
    return found


def lock(tx: Tx, id: str) -> Employment | None:
    """Lock the employment until the command ends and return it, or None.

    Every command about an employment begins with this lock. Timelines that were read before it are read again, and the
    command happens now, not when it began to wait.
    """
    row = tx.fetch_one(_SELECT_FOR_UPDATE, id=id)
    tx.take_instant()
    versions.forget_timelines(tx)
    return Employment(**row) if row else None


def get_many(tx: Tx, ids: Sequence[str]) -> Mapping[str, Employment]:
    """Return those of the given employments that exist, by id."""
    return {row["id"]: Employment(**row) for row in tx.fetch_all(_SELECT_MANY, ids=list(ids))}


def list_by_user_ids(tx: Tx, values: Sequence[str]) -> Sequence[Row]:
    return tx.fetch_all(_SELECT_BY_USER_IDS, values=list(values))


def list_by_people_admin_ids(tx: Tx, values: Sequence[str]) -> Sequence[Row]:
    return tx.fetch_all(_SELECT_BY_PEOPLE_ADMIN_IDS, values=list(values))


def set_end_date(tx: Tx, id: str, end_date: IsoDate | None) -> None:
    """Set the employment's last day, or clear it."""
    tx.execute(_UPDATE_END_DATE, id=id, end_date=end_date)
    tx.emit(events.updated(id, ["expiration_time"]))


def amend(tx: Tx, id: str, day: IsoDate, patch: Mapping[str, Any], cause: Cause) -> None:
    """Apply `patch` to the employment from `day` on."""
    before = versions.timeline(tx, KIND, id)
    after = versions.append(tx, KIND, id, day, patch, cause)
    if EMPLOYEE_NUMBER in patch:
        _hold_numbers_of(tx, id, after)
    _emit_updated(tx, id, before, after)


def retract(tx: Tx, id: str, cause: Cause) -> None:
    """Retract every entry of `cause` on the employment."""
    before, after = versions.retract(tx, KIND, id, cause)
    _hold_numbers_of(tx, id, after)
    _emit_updated(tx, id, before, after)


def terminate(tx: Tx, id: str, last_day: IsoDate, cause: Cause) -> None:
    """End the employment: its `employment_status` is terminated from the day after `last_day`."""
    amend(tx, id, next_day(last_day), {"employment_status": TERMINATED}, cause)
    tx.emit(events.resigned(id))


def _emit_updated(tx: Tx, id: str, before: Timeline, after: Timeline) -> None:
    """Emit the fields that differ on any day. Only days on which a version begins need to be compared."""
    days = {version.valid_from for version in (*before, *after)}
    fields = {
        field for day in days for field in changed_fields(*(_fields_as_of(side, day) for side in (before, after)))
    }
    if fields:
        tx.emit(events.updated(id, sorted(fields)))


def _fields_as_of(timeline: Timeline, day: IsoDate) -> Mapping[str, Any]:
    """Return the fields of an employment on a day by their names in events, where a custom field has its own."""
    version = version_as_of(timeline, day)
    return {custom_fields.name_of(key): value for key, value in version.body.items()} if version else {}


def hold_numbers(tx: Tx, source_id: str, employment_id: str, numbers: Iterable[str]) -> None:
    """Let the employment hold these employee numbers, because of `source_id`: itself or a pending job change."""
    tx.execute_many(
        _INSERT_NUMBERS,
        [{"number": number, "source_id": source_id, "employment_id": employment_id} for number in numbers],
    )


def release_numbers(tx: Tx, source_id: str) -> None:
    """Release the employee numbers that are held because of `source_id`."""
    tx.execute(_DELETE_NUMBERS, source_id=source_id)


def is_number_of_another(tx: Tx, number: str, employment_id: str) -> bool:
    """Lock the employee number until the command ends, and return whether another employment holds it.

    An employment holds every number that it has had, has or will have, also after it has ended.
    """
    tx.lock_names([f"employee_number/{number}"])
    return tx.fetch_one(_SELECT_OTHER_HOLDER, number=number, employment_id=employment_id) is not None


def _hold_numbers_of(tx: Tx, id: str, timeline: Timeline) -> None:
    release_numbers(tx, id)
    hold_numbers(tx, id, id, {number for v in timeline if (number := v.body.get(EMPLOYEE_NUMBER))})


def insert_reporting_lines(tx: Tx, source_id: str, lines: Sequence[Mapping[str, Any]]) -> None:
    """Insert reporting lines: rows `{line, employment_id, manager_id, valid_from, valid_to}`.

    `source_id` is the job data or the pending job change that they come from.
    """
    tx.execute_many(_INSERT_LINES, [{"source_id": source_id, **line} for line in lines])


def delete_reporting_lines(tx: Tx, source_id: str) -> None:
    """Delete the reporting lines that come from `source_id`."""
    tx.execute(_DELETE_LINES, source_id=source_id)


def lock_managers_above(tx: Tx, employment_id: str, links: Sequence[ReportingLink]) -> Sequence[frozenset[str]]:
    """Lock the lines of an employment and of all managers above it; return the ids of those managers for each link.

    The managers are those above the employment if it had this link; they include the employment itself if the line
    would be circular. Until the command ends, no other command can change these lines of the employment or of those
    managers. A command locks all its lines by one call, since they are locked in one order (ADR 0006).
    """
    if not links:
        return ()
    found = [_managers_above(tx, employment_id, link) for link in links]
    tx.savepoint()
    while tx.lock_names(
        {f"{link.line}/{employment_id}" for link in links},
        {f"{link.line}/{id}" for link, managers in zip(links, found, strict=True) for id in managers},
    ):
        # managers read before their locks were obtained may be out of date
        locked, found = found, [_managers_above(tx, employment_id, link) for link in links]
        if all(managers <= before for managers, before in zip(found, locked, strict=True)):
            break
        tx.unlock_to_savepoint()
    return found


def _managers_above(tx: Tx, employment_id: str, link: ReportingLink) -> frozenset[str]:
    rows = tx.fetch_all(
        _SELECT_MANAGERS_ABOVE,
        line=link.line,
        manager_id=link.manager_id,
        employment_id=employment_id,
        valid_from=link.valid_from,
        valid_to=link.valid_to,
    )
    return frozenset(row["manager_id"] for row in rows)


EVENTS_BY_PRIMITIVE: Final[Mapping[str, Sequence[str]]] = {
    "create": ("corehr.employment.created_v1",),
    "amend": ("corehr.employment.updated_v1",),
    "terminate": ("corehr.employment.resigned_v1", "corehr.employment.updated_v1"),
    "set_end_date": ("corehr.employment.updated_v1",),
    "retract": ("corehr.employment.updated_v1",),
}
"""The events that each function above emits when it changes rows; the other functions emit none."""
