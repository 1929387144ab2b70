"""What follows from a job change: what its flags say, and values that do not outlive the value they belong to.

A subtype belongs to an employee type, and a pathway to a job level.
"""

from collections.abc import Mapping
from typing import Any

from corehr.hr.employees.employments.records import DOTTED_MANAGER
from corehr.hr.job_changes.rules.request import CreateJobChange

Body = Mapping[str, Any]


def find_dependants(
    request: CreateJobChange, current: Body, employee_type: Body | None, level: Body | None
) -> Mapping[str, Any]:
    """Return the values that a request sets without naming them; None empties a field.

    `employee_type` and `level` are the bodies of those that the employee would have, or None.
    """
    targets, values = request.targets, {**current, **request.targets}
    dependants: dict[str, Any] = {}
    if request.dotted_manager_clean:
        dependants[DOTTED_MANAGER] = None
    if request.probation_exist is False:
        dependants |= {"probation_start_date": None, "probation_end_date": None}
    subtype, pathway = values.get("employee_subtype_id"), values.get("pathway_id")
    subtypes, pathways = (employee_type or {}).get("subtype_ids", ()), (level or {}).get("pathway_ids") or ()
    if (
        _changes("employee_type_id", current, targets)
        and "employee_subtype_id" not in targets
        and subtype
        and employee_type is not None
        and subtype not in subtypes
    ):
        dependants["employee_subtype_id"] = None
    if (
        _changes("job_level_id", current, targets)
        and "pathway_id" not in targets
        and pathway
        and pathways
        and pathway not in pathways
    ):
        dependants["pathway_id"] = pathways[0] if len(pathways) == 1 else None
    return dependants


def _changes(field: str, current: Body, targets: Body) -> bool:
    return bool(targets.get(field)) and targets[field] != current.get(field)
