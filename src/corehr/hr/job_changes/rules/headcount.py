"""Whether a workforce plan has a place left: people as agreed on the day, and places that waiting changes reserve."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from corehr.hr.employees.employments import records as employments
from corehr.hr.employees.job_datas import records as job_datas
from corehr.hr.job_changes import records
from corehr.hr.job_changes.rules.case import Case
from corehr.hr.workforce_plans import records as workforce_plans
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Row

Values = Mapping[str, Any]


def headcount_is_exhausted(c: Case) -> bool:
    for plan in c.workforce_plans:
        if not workforce_plans.counts(plan, c.values_after) or workforce_plans.counts(plan, c.current):
            continue
        if plan["value"] <= _count_occupied(c, plan):
            return True
    return False


def _count_occupied(c: Case, plan: Row) -> int:
    """Return how many places of the plan others hold when the change takes one, or reserve by a waiting change."""
    day, own_id = c.headcount_day, c.employment.id
    occupied = job_datas.count_employments(c.tx, plan, day, own_id)
    waiting: dict[str, list[Row]] = defaultdict(list)
    for row in records.list_waiting_around(c.tx, plan["department_id"], day, own_id):
        waiting[row["employment_id"]].append(row)
    for id, (on_day, last) in _assigned_as_of(c, sorted(waiting), day).items():
        occupied += _holds_place(plan, on_day, last, waiting[id], day) - workforce_plans.counts(plan, on_day)
    return occupied


def _holds_place(plan: Row, on_day: Values, last: Values, waiting: Sequence[Row], day: IsoDate) -> bool:
    """Return whether someone with these values is in the plan on a day as agreed, or would be by a waiting change.

    Each waiting change reserves the place that it leads to, also when a later one leads away again.
    """
    agreed, requested = dict(on_day), dict(last)
    is_reserved = False
    for row in waiting:
        requested.update(row["targets"])
        if row["status"] in records.READY_STATUSES and row["effective_date"] <= day:
            agreed.update(row["targets"])
        elif workforce_plans.counts(plan, requested):
            is_reserved = True
    return is_reserved or workforce_plans.counts(plan, agreed)


def _assigned_as_of(c: Case, ids: Sequence[str], day: IsoDate) -> Mapping[str, tuple[Values, Values]]:
    """Return the assignment on a day, empty if it has not begun, and the last one of each employment.

    Employments that have ended by then are left out.
    """
    found = employments.get_many(c.tx, ids)
    assigned: dict[str, tuple[Values, Values]] = {}
    for row in job_datas.list_assignments(c.tx, ids):
        id, end_date = row["employment_id"], found[row["employment_id"]].end_date
        if end_date is None or end_date >= day:
            on_day, _ = assigned.get(id, ({}, {}))
            assigned[id] = (row if row["valid_from"] <= day else on_day, row)
    return assigned
