"""People, as records: employments, their dated facts, and who reports to whom by the day."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from corehr.engines import versions
from corehr.engines.timeline import Cause, Timeline, at, changed
from corehr.hr.people import events
from corehr.kernel.clock import FOREVER, Day, day_after
from corehr.kernel.db import Row, Tx
from corehr.kernel.statements import (
    BoundText,
    add,
    among,
    bind,
    change,
    find,
    having,
    mine,
    remove,
    statement,
    table,
    text,
)

KIND: Final = "employment"
DIRECT: Final = "direct_manager_id"
DOTTED: Final = "dotted_manager_id"
LINES: Final = (DIRECT, DOTTED)
"""The kinds of reporting line, named as the job-data field that draws them; each has a lock of its own."""

TERMINATED: Final = "terminated"
"""The status of an employment that is over; one of which nothing is said is a running one."""

employment = table(
    "employment",
    text("id", key=True),
    text("user_id"),
    text("people_admin_id"),
    text("name"),
    text("job_data_id"),
    text("onboarding_date"),
    text("end_date", optional=True),
    sa.Index("employment_by_user_id", "tenant", "user_id", unique=True),
    sa.Index("employment_by_people_admin_id", "tenant", "people_admin_id", unique=True),
)
reporting_line = table(
    "reporting_line",
    text("line", key=True),
    text("employment_id", key=True),
    text("source_id", key=True),
    text("valid_from", key=True),
    text("valid_to"),
    text("manager_id"),
    sa.Index("reporting_line_by_source", "tenant", "source_id"),
)


class Employment(NamedTuple):
    """One person's employment. `end_date` is the last day, where it is known."""

    tenant: str
    id: str
    user_id: str
    people_admin_id: str
    name: str
    job_data_id: str
    onboarding_date: Day
    end_date: Day | None


_ADD = add(employment)
_FIND = find(employment, "id")
_HOLD = statement(sa.select(employment).where(*having(employment, "id")).with_for_update())
_MANY = statement(sa.select(employment).where(mine(employment), among(employment.c.id, "ids")))
_BY_USER_ID = statement(sa.select(employment).where(mine(employment), among(employment.c.user_id, "values")))
_BY_ADMIN_ID = statement(sa.select(employment).where(mine(employment), among(employment.c.people_admin_id, "values")))
_SET_END = change(employment, "end_date")
_DRAW = add(reporting_line)
_ERASE = remove(reporting_line, "source_id")


def _above() -> sa.Select[Any]:
    """Everybody up the line from a manager, through the days in common, as far as an employee.

    A waiting change's line counts beside the present one, since it may still be approved or not. Tenant and line
    travel with the walk, so that SQLite looks each step up by all three instead of reading the whole line.
    """
    seed = sa.select(
        BoundText("tenant").label("tenant"),
        BoundText("line").label("line"),
        BoundText("manager_id").label("person"),
        BoundText("lo").label("lo"),
        BoundText("hi").label("hi"),
    )
    up, line = seed.cte("up", recursive=True), reporting_line.c
    later = sa.case((up.c.lo > line.valid_from, up.c.lo), else_=line.valid_from)
    sooner = sa.case((up.c.hi < line.valid_to, up.c.hi), else_=line.valid_to)
    above = sa.and_(line.tenant == up.c.tenant, line.line == up.c.line, line.employment_id == up.c.person)
    step = (
        sa.select(up.c.tenant, up.c.line, line.manager_id, later, sooner)
        .select_from(up)
        .join(reporting_line, above)
        .where(line.valid_from < up.c.hi, line.valid_to > up.c.lo, up.c.person != bind("employment_id"))
    )
    up = up.union(step)
    return sa.select(up.c.person).distinct()


_ABOVE = statement(_above())


def add_employment(tx: Tx, it: Employment, facts: Mapping[str, Any]) -> None:
    """Somebody is hired; `facts` are what is dated about the employment itself."""
    row = {name: getattr(it, name) for name in Employment._fields if name != "tenant"}
    tx.run(_ADD, **row)
    versions.write(tx, KIND, it.id, it.onboarding_date, facts, ("onboarding", it.id))
    tx.emit(events.created(it.id))


def get(tx: Tx, id: str) -> Employment | None:
    row = tx.one(_FIND, id=id)
    return Employment(**row) if row else None


def known(tx: Tx, id: str) -> Employment:
    """An employment that is known to exist."""
    person = get(tx, id)
    assert person is not None
    return person


def hold(tx: Tx, id: str) -> Employment | None:
    """The person, locked until the command ends: every command about a person begins with this."""
    row = tx.one(_HOLD, id=id)
    return Employment(**row) if row else None


def many(tx: Tx, ids: Sequence[str]) -> Mapping[str, Employment]:
    """Those of the given employments that exist, by id."""
    return {row["id"]: Employment(**row) for row in tx.all(_MANY, ids=list(ids))}


def by_user_id(tx: Tx, values: Sequence[str]) -> Sequence[Row]:
    return tx.all(_BY_USER_ID, values=list(values))


def by_people_admin_id(tx: Tx, values: Sequence[str]) -> Sequence[Row]:
    return tx.all(_BY_ADMIN_ID, values=list(values))


def set_end(tx: Tx, id: str, end_date: Day | None) -> None:
    """The employment's last day becomes known, or is taken back."""
    tx.run(_SET_END, id=id, end_date=end_date)
    tx.emit(events.updated(id, ["expiration_time"]))


def amend(tx: Tx, id: str, before: Timeline, day: Day, patch: Mapping[str, Any], cause: Cause) -> None:
    """From a day on these facts of the employment hold."""
    after = versions.say(tx, KIND, id, before, day, patch, cause)
    _announce(tx, id, before, after)


def take_back(tx: Tx, id: str, cause: Cause) -> None:
    """What `cause` said of the employment is withdrawn."""
    before, after = versions.take_back(tx, KIND, id, cause)
    _announce(tx, id, before, after)


def leave(tx: Tx, id: str, last_day: Day, cause: Cause) -> None:
    """The employment is over: from the day after its last one on its `employment_status` is terminated."""
    life = versions.timeline(tx, KIND, id)
    amend(tx, id, life, day_after(last_day), {"employment_status": TERMINATED}, cause)
    tx.emit(events.resigned(id))


def _announce(tx: Tx, id: str, before: Timeline, after: Timeline) -> None:
    """Tell of the fields that look different on any day: how it looks changes only where a version begins."""
    days = {version.valid_from for version in (*before, *after)}
    fields = {field for day in days for field in changed(_body(before, day), _body(after, day))}
    if fields:
        tx.emit(events.updated(id, sorted(fields)))


def _body(life: Timeline, day: Day) -> Mapping[str, Any]:
    version = at(life, day)
    return version.body if version else {}


def draw(tx: Tx, source_id: str, lines: Sequence[Mapping[str, Any]]) -> None:
    """Record who reports to whom: rows `{line, employment_id, manager_id, valid_from, valid_to}`.

    `source_id` is the job data, or the waiting job change, that says so.
    """
    tx.run_many(_DRAW, [{"source_id": source_id, **line} for line in lines])


def erase(tx: Tx, source_id: str) -> None:
    """Forget the lines that this source drew."""
    tx.run(_ERASE, source_id=source_id)


def hold_line(
    tx: Tx, line: str, employment_id: str, manager_id: str, since: Day, until: Day = FOREVER
) -> frozenset[str]:
    """Who would stand above somebody who reported to this manager from one day to another; themselves, in a circle.

    Until the command ends nobody else can redraw the line of the person, or of any of those above.
    """
    tx.lock([f"{line}/{employment_id}"])
    held: frozenset[str] = frozenset()
    while True:
        found = tx.all(_ABOVE, line=line, manager_id=manager_id, employment_id=employment_id, lo=since, hi=until)
        above = frozenset(row["person"] for row in found)
        # who was found before the locks were ours may not be all who stand there now
        if above <= held or not tx.lock([f"{line}/{id}" for id in above - held - {employment_id}], shared=True):
            return above
        held |= above
