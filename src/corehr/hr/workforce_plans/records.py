"""Workforce plans, as records: how many people may have certain values of job data."""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from corehr.hr.job_datas.records import DIMENSIONS
from corehr.kernel.clock import Day
from corehr.kernel.db import Row, Tx
from corehr.kernel.statements import add, bind, having, number, statement, table, text

workforce_plan = table(
    "workforce_plan",
    text("id", key=True),
    text("department_id"),
    *(text(name, optional=True) for name in DIMENSIONS[1:]),
    text("valid_from"),
    text("valid_to"),
    number("value"),
    sa.Index("workforce_plan_by_department", "tenant", "department_id", "id"),
)

_ADD = add(workforce_plan)
_HOLD = statement(
    sa.select(workforce_plan)
    .where(
        *having(workforce_plan, "department_id"),
        workforce_plan.c.valid_from <= bind("day"),
        workforce_plan.c.valid_to > bind("day"),
    )
    .order_by(workforce_plan.c.id)
    .with_for_update()
)


def add_plan(tx: Tx, id: str, dimensions: Mapping[str, str], value: int, valid_from: Day, valid_to: Day) -> None:
    """At most `value` people may have these values of job data; `department_id` is always one of them."""
    values = {name: dimensions.get(name) for name in DIMENSIONS}
    tx.run(_ADD, id=id, value=value, valid_from=valid_from, valid_to=valid_to, **values)


def hold(tx: Tx, department_id: str, day: Day) -> Sequence[Row]:
    """The department's plans on a day, locked until the command ends."""
    return tx.all(_HOLD, department_id=department_id, day=day)


def covers(plan: Row, job_data: Mapping[str, object]) -> bool:
    """Is somebody with this job data counted by the plan?"""
    return all(plan[name] is None or plan[name] == job_data.get(name) for name in DIMENSIONS)
