"""Violations of the values of a job change that are no references: custom fields, and fields with options."""

from collections.abc import Callable, Mapping

from corehr.engines.custom_fields import FieldType, InvalidValue
from corehr.engines.rulebook import with_name
from corehr.hr.employees.job_datas import records as job_datas
from corehr.hr.job_changes.rules.case import Case
from corehr.hr.job_changes.rules.custom_values import CustomValue

SETTABLE_TYPES = frozenset({FieldType.TEXT, FieldType.BOOL, FieldType.NUMBER, FieldType.OPTION, FieldType.DATE})
"""The types of custom fields that a job change sets; the platform's guide lists no others for it."""


def custom_field_is_unknown(c: Case) -> Mapping[str, str] | None:
    for v in c.request.custom_values:
        if v.definition is None:
            return _violation(v, "custom_api_name", f"employments have no custom field {v.name}")
    return None


def custom_field_is_given_twice(c: Case) -> Mapping[str, str] | None:
    seen: set[tuple[bool, str]] = set()
    for v in c.request.custom_values:
        if (v.is_target, v.name) in seen:
            return _violation(v, "custom_api_name", f"{v.name} is given twice")
        seen.add((v.is_target, v.name))
    return None


def custom_field_is_not_settable(c: Case) -> Mapping[str, str] | None:
    for v in c.request.custom_values:
        if v.is_target and v.definition and (v.definition.locked or v.definition.type not in SETTABLE_TYPES):
            return _violation(v, "custom_api_name", f"a job change cannot set {v.name}")
    return None


def custom_value_is_invalid(c: Case) -> Mapping[str, str] | None:
    for v in c.request.custom_values:
        if v.is_target and isinstance(v.value, InvalidValue):
            return _violation(v, "value", f"{v.name}: {v.value.value}")
    return None


def _violation(value: CustomValue, member: str, description: str) -> Mapping[str, str]:
    return {"field": f"{value.path}.{member}", "description": description}


def option_is_unknown(field: str) -> Callable[[Case], Mapping[str, str] | None]:
    """Make a violation for a target that is not an option of a field of job data."""

    def violation(c: Case) -> Mapping[str, str] | None:
        value = c.new_values.get(field)
        if not value or value in job_datas.get_option_fields(c.tx)[field].options:
            return None
        return {"field": f"transfer_info.target_{field}", "description": f"{value} is not an option of {field}"}

    return with_name(violation, f"{field}_is_unknown")
