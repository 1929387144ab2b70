"""Violations of values that must fit each other: of a job, of a type and its subtype, of both ends of a contract."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from corehr.engines.rulebook import with_name
from corehr.hr.job_changes.rules.case import Case
from corehr.hr.job_management import job_families, jobs

MATCHED_FIELDS: Final = ("job_id", "job_family_id", "job_level_id")


def subtype_does_not_belong_to_type(c: Case) -> bool:
    subtype = c.values_after.get("employee_subtype_id")
    if not subtype or c.new_values.keys().isdisjoint(("employee_type_id", "employee_subtype_id")):
        return False
    body = c.referenced_body("employee_type_id", c.values_after)
    return body is None or subtype not in body.get("subtype_ids", ())


def contract_ends_before_it_starts(c: Case) -> bool:
    end, start = c.new_values.get("contract_end_date"), c.values_after.get("contract_start_date")
    return bool(end and start and end < start)


def _changes_job_fit(c: Case) -> bool:
    return any(field in c.new_values for field in MATCHED_FIELDS)


def job_does_not_allow(field: str, label: str) -> Callable[[Case], bool]:
    def violation(c: Case) -> bool:
        job, id = c.referenced_body("job_id", c.values_after), c.values_after.get(field)
        return _changes_job_fit(c) and job is not None and bool(id) and not jobs.allows(job, f"{field}s", str(id))

    return with_name(violation, f"job_does_not_allow_{label}")


def family_and_level_have_no_common_pathway(c: Case) -> bool:
    family, level = (c.referenced_body(f, c.values_after) for f in ("job_family_id", "job_level_id"))
    return bool(_changes_job_fit(c) and family and level) and not job_families.share_pathway(family or {}, level or {})


def level_is_not_of_the_pathway(c: Case) -> Mapping[str, str] | None:
    level, pathway = c.referenced_body("job_level_id", c.values_after), c.values_after.get("pathway_id")
    pathways = (level or {}).get("pathway_ids") or ()
    is_changed = not c.new_values.keys().isdisjoint(("job_level_id", "pathway_id"))
    if is_changed and pathway and pathways and pathway not in pathways:
        description = "target_pathway is not a pathway of the job level"
        return {"field": "transfer_info.target_pathway", "description": description}
    return None


_FITS: Final[Sequence[Callable[[Case], object]]] = (
    subtype_does_not_belong_to_type,
    contract_ends_before_it_starts,
    job_does_not_allow("job_family_id", "family"),
    job_does_not_allow("job_level_id", "level"),
    family_and_level_have_no_common_pathway,
    level_is_not_of_the_pathway,
)


def still_fits(c: Case) -> bool:
    """Return whether a job change whose day has come fits what the employee has become since it was agreed."""
    return not any(violation(c) for violation in _FITS)
