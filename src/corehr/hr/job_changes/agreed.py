"""People as agreed: an employment's timelines once every agreed job change has taken effect.

Rules judge a request by the person as of the day that it is about, so a change that is agreed for an earlier day is a
fact about that day. Queries answer what has taken effect. Pure: no SQL.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from corehr.engines.timeline import Entry, Timeline, apply
from corehr.hr.contracts import records as contracts
from corehr.hr.employees.employments.records import Employment
from corehr.hr.employees.job_datas import records as job_datas
from corehr.hr.job_changes import records
from corehr.hr.job_changes.row import JobChange

Timelines = Mapping[tuple[str, str], Timeline]


class AgreedTimelines(NamedTuple):
    """Timelines by (kind, id), and the ids of the employment's contracts, with those that are agreed to begin."""

    timelines: Timelines
    contract_ids: Sequence[str]


def apply_agreed(
    employment: Employment, timelines: Timelines, contract_ids: Sequence[str], agreed: Sequence[JobChange]
) -> AgreedTimelines:
    """Return the timelines with the agreed job changes applied, which are in the order they take effect."""
    if not agreed:
        return AgreedTimelines(timelines, contract_ids)
    result, ids = dict(timelines), list(contract_ids)
    for job_change in agreed:
        day, cause = job_change.effective_date, records.cause_of(job_change.id)
        for kind, values in records.patches_by_kind(job_change).items():
            id, patch = (employment.job_data_id if kind == job_datas.KIND else employment.id), values
            if kind == contracts.KIND:
                contract_id, patch = contracts.place_terms(result, ids, day, values)
                id = contract_id or job_change.id
                ids = list(dict.fromkeys([*ids, id]))
            result[kind, id] = apply(result.get((kind, id), ()), Entry(job_change.id, day, patch, cause))
    return AgreedTimelines(result, ids)
