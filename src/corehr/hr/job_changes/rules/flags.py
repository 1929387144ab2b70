"""Violations of the flags of a job change."""

from collections.abc import Mapping

from corehr.hr.employees.employments.records import DOTTED_MANAGER
from corehr.hr.job_changes.rules.case import Case


def dotted_manager_is_cleared_and_set(c: Case) -> Mapping[str, str] | None:
    if not c.request.dotted_manager_clean or not c.request.targets.get(DOTTED_MANAGER):
        return None
    return {
        "field": "transfer_info.target_dotted_manager",
        "description": "target_dotted_manager must be empty when target_dotted_manager_clean is true",
    }


def probation_flag_is_contradictory(c: Case) -> Mapping[str, str] | None:
    exists, end = c.request.probation_exist, c.request.targets.get("probation_end_date")
    if exists is None or exists == bool(end):
        return None
    return {
        "field": "transfer_info.target_probation_end_date",
        "description": f"target_probation_end_date must {'not ' if exists else ''}be empty when probation_exist is "
        + ("true" if exists else "false"),
    }
