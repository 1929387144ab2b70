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


def headcount_is_exhausted(c: Case) -> bool:
    for plan in c.workforce_plans:
        if not workforce_plans.counts(plan, c.values_after) or workforce_plans.counts(plan, c.current):
            continue
        if plan["value"] <= _count_occupied(c, plan):
            return True
    return False


def _count_occupied(c: Case, plan: Row) -> int:
    """Return how many places of the plan others hold on the effective date, or have reserved by a waiting change."""
    day, own_id = c.request.effective_date, c.employment.id
    occupied = job_datas.count_employments(c.tx, plan, day, own_id)
    waiting: dict[str, list[Row]] = defaultdict(list)
    for row in records.list_waiting_around(c.tx, plan["department_id"], day, own_id):
        waiting[row["employment_id"]].append(row)
    for id, values in _assigned_as_of(c, sorted(waiting), day).items():
        is_counted = workforce_plans.counts(plan, values)
        occupied += _holds_place(plan, values, waiting[id], day) - is_counted
    return occupied


def _holds_place(plan: Row, values: Mapping[str, Any], waiting: Sequence[Row], day: IsoDate) -> bool:
    """Return whether someone with these values is in the plan on a day as agreed, or would be by a waiting change.

    Each waiting change reserves the place that it leads to, also when a later one leads away again.
    """
    agreed, requested = dict(values), dict(values)
    is_reserved = False
    for row in waiting:
        requested.update(row["targets"])
        if row["status"] in records.READY_STATUSES and row["effective_date"] <= day:
            agreed.update(row["targets"])
        elif workforce_plans.counts(plan, requested):
            is_reserved = True
    return is_reserved or workforce_plans.counts(plan, agreed)


def _assigned_as_of(c: Case, ids: Sequence[str], day: IsoDate) -> Mapping[str, Mapping[str, Any]]:
    """Return the assignment of each employment on a day, without those that have ended by then."""
    found = employments.get_many(c.tx, ids)
    return {
        row["employment_id"]: row
        for row in job_datas.list_assignments(c.tx, ids)
        if row["valid_from"] <= day < row["valid_to"]
        and ((end_date := found[row["employment_id"]].end_date) is None or end_date >= day)
    }
