"""Violations of what the targets of a job change name: references of master data, and managers."""

from collections.abc import Callable, Mapping

from corehr.engines.entity import EntityStatus
from corehr.engines.rulebook import with_name
from corehr.hr.job_changes.rules.case import Case
from corehr.hr.organization import locations
from corehr.kernel.clock import FOREVER

# -- references of the targets -----------------------------------------------------------------------------------


def reference_is_missing(field: str, label: str) -> Callable[[Case], bool]:
    return with_name(lambda c: c.status_of(field) is EntityStatus.MISSING, f"{label}_is_unknown")


def reference_is_not_active(field: str, label: str) -> Callable[[Case], bool]:
    refused_statuses = (EntityStatus.INACTIVE, EntityStatus.DISABLED_LATER)
    return with_name(lambda c: c.status_of(field) in refused_statuses, f"{label}_is_not_in_force")


def reference_is_inactive(field: str, label: str) -> Callable[[Case], bool]:
    return with_name(lambda c: c.status_of(field) is EntityStatus.INACTIVE, f"{label}_is_disabled")


def reference_is_invalid_field(
    field: str, wire: str, *, disabled_later: bool = False
) -> Callable[[Case], Mapping[str, str] | None]:
    """Make a violation for a reference that the page has no code for: it gives the platform's field violation."""
    refused_statuses = {EntityStatus.MISSING, EntityStatus.INACTIVE}
    if disabled_later:
        refused_statuses.add(EntityStatus.DISABLED_LATER)

    def violation(c: Case) -> Mapping[str, str] | None:
        if c.status_of(field) in refused_statuses:
            return {"field": f"transfer_info.{wire}", "description": f"{wire} does not exist or is disabled"}
        return None

    return with_name(violation, f"{wire}_is_unknown_or_disabled")


def job_family_is_not_selectable(c: Case) -> bool:
    body = c.referenced_body("job_family_id", c.new_values)
    return body is not None and body.get("selectable") is False


def location_lacks_usage(field: str, usages: frozenset[str], label: str) -> Callable[[Case], bool]:
    def violation(c: Case) -> bool:
        body = c.referenced_body(field, c.new_values)
        return body is not None and not locations.has_usage(body, usages)

    return with_name(violation, f"is_not_a_{label}")


# -- managers ----------------------------------------------------------------------------------------------------


def manager_is_not_onboarded(line: str) -> Callable[[Case], bool]:
    def violation(c: Case) -> bool:
        manager = c.managers.get(c.new_values.get(line) or "")
        return manager is not None and manager.onboarding_date > c.request.effective_date

    return with_name(violation, f"{line.removesuffix('_id')}_is_not_onboarded")


def manager_has_left(line: str) -> Callable[[Case], bool]:
    def violation(c: Case) -> bool:
        manager = c.managers.get(c.new_values.get(line) or "")
        return manager is not None and (manager.end_date or FOREVER) < c.request.effective_date

    return with_name(violation, f"{line.removesuffix('_id')}_has_left")


def manager_is_unknown(line: str) -> Callable[[Case], bool]:
    def violation(c: Case) -> bool:
        id = c.new_values.get(line)
        return bool(id) and id not in c.managers

    return with_name(violation, f"{line.removesuffix('_id')}_is_unknown")


def reporting_line_is_circular(line: str) -> Callable[[Case], bool]:
    def violation(c: Case) -> bool:
        return c.employment.id in c.managers_above.get(line, ())

    return with_name(violation, f"{line.removesuffix('_manager_id')}_reporting_line_is_circular")
