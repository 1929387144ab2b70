"""Records of workforce plans: how many employees may have certain values of job data."""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from corehr.hr.employees.job_datas.records import HEADCOUNT_FIELDS
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Row, Tx
from corehr.kernel.statements import bind, insert_into, integer_column, matches, statement, tenant_table, text_column

workforce_plan = tenant_table(
    "workforce_plan",
    text_column("id", key=True),
    text_column("department_id"),
    *(text_column(name, optional=True) for name in HEADCOUNT_FIELDS[1:]),
    text_column("valid_from"),
    text_column("valid_to"),
    integer_column("value"),
    sa.Index("workforce_plan_by_department", "tenant", "department_id", "id"),
)

_INSERT = insert_into(workforce_plan)
_SELECT_IN_FORCE_FOR_UPDATE = statement(
    sa.select(workforce_plan)
    .where(
        *matches(workforce_plan, "department_id"),
        workforce_plan.c.valid_from <= bind("day"),
        workforce_plan.c.valid_to > bind("day"),
    )
    .order_by(workforce_plan.c.id)
    .with_for_update()
)


def create(tx: Tx, id: str, dimensions: Mapping[str, str], value: int, valid_from: IsoDate, valid_to: IsoDate) -> None:
    """Insert a plan: at most `value` employees may have these values of job data; `department_id` is always one."""
    values = {name: dimensions.get(name) for name in HEADCOUNT_FIELDS}
    tx.execute(_INSERT, id=id, value=value, valid_from=valid_from, valid_to=valid_to, **values)


def lock_in_force(tx: Tx, department_id: str, day: IsoDate) -> Sequence[Row]:
    """Lock the department's plans in force on `day` until the command ends, and return them."""
    return tx.fetch_all(_SELECT_IN_FORCE_FOR_UPDATE, department_id=department_id, day=day)


def counts(plan: Row, job_data: Mapping[str, object]) -> bool:
    """Return whether the plan counts an employee with this job data."""
    return all(plan[name] is None or plan[name] == job_data.get(name) for name in HEADCOUNT_FIELDS)
