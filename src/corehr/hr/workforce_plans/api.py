"""Workforce plans: how the sandbox shows them. They have no operations yet."""

from corehr.engines.feature import Feature
from corehr.engines.record_views import view_row
from corehr.hr.workforce_plans import records

FEATURE = Feature("workforce_plans", record_views={"workforce_plans": view_row(records.workforce_plan)})
