"""Employments and their custom fields: how the sandbox shows them. They have no operations yet."""

from typing import Final

from msgspec.structs import asdict

from corehr.apps.handlers import JsonObject
from corehr.engines import versions
from corehr.engines.feature import Feature
from corehr.engines.record_views import without_tenant
from corehr.hr.basic_data import custom_fields
from corehr.hr.contracts import records as contracts
from corehr.hr.employees.employments import records
from corehr.hr.employees.job_datas import records as job_datas
from corehr.hr.offboardings import records as offboardings
from corehr.hr.probation import records as probation
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx
from corehr.kernel.statements import select_by

_SELECT: Final = select_by(records.employment, "id")


def view_record(tx: Tx, id: str, as_of: IsoDate, known_at: str) -> JsonObject | None:
    """Return the employment with its versions, job data, probation, contract ids and offboarding ids, or None."""
    row = without_tenant(tx.fetch_one(_SELECT, id=id))
    timeline = versions.timeline_known_at(tx, records.KIND, id, known_at)
    if row is None or not timeline:
        return None
    job_data = versions.timeline_known_at(tx, job_datas.KIND, row["job_data_id"], known_at)
    probation_timeline = versions.timeline_known_at(tx, probation.KIND, id, known_at)
    return {
        **row,
        **(versions.to_record(timeline, as_of) or {}),
        "job_data": versions.to_record(job_data, as_of),
        "probation": versions.to_record(probation.with_starts(probation_timeline), as_of),
        "contract_ids": [
            contract_id
            for contract_id in contracts.list_ids(tx, id)
            if versions.timeline_known_at(tx, contracts.KIND, contract_id, known_at)
        ],
        "offboarding_ids": [r.id for r in offboardings.list_by_employment(tx, id)],
    }


def view_field_definition(tx: Tx, id: str, as_of: IsoDate, known_at: str) -> JsonObject | None:
    """Return the definition of the custom field named `id`, or None."""
    definition = custom_fields.get_definitions(tx, records.FORM).get(id)
    return {**asdict(definition), "options": sorted(definition.options)} if definition else None


FEATURE = Feature(
    "employments",
    record_views={"employments": view_record, "employment_fields": view_field_definition},
    events=records.EVENTS_BY_PRIMITIVE,
)
