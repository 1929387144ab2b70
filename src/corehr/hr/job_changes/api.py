"""The API of job changes: requests become commands, rows become responses."""

from collections.abc import Mapping
from typing import Any, Final

from corehr.apps.handlers import Call, JsonObject
from corehr.engines.effective_dating import DailyJob
from corehr.engines.feature import Feature
from corehr.engines.record_views import view_row
from corehr.hr.job_changes import commands, recipes, records, transfer_types
from corehr.hr.job_changes.events import WIRE_TO_FIELD
from corehr.hr.job_changes.records import Status
from corehr.hr.job_changes.row import JobChange
from corehr.hr.job_changes.rules import custom_values
from corehr.hr.job_changes.rules.create import CREATE
from corehr.hr.job_changes.rules.request import CreateJobChange
from corehr.hr.job_changes.rules.revoke import REVOKE
from corehr.kernel.clock import IsoDate, epoch_millis, parse_timestamp
from corehr.kernel.db import Tx, to_row
from corehr.kernel.errors import SUCCESS, BusinessError

STATUS_CODES: Final = {
    Status.APPROVING: 0,
    Status.APPROVED: 1,
    Status.TRANSFORMED: 2,
    Status.REJECTED: 3,
    Status.CANCELLED: 4,
    Status.NO_NEED_APPROVAL: 5,
}
"""The statuses as numbered in responses of version 1."""

_FIELDS_BY_SIDE: Final = {
    side: [(f"{side}_{wire}", field) for wire, field in WIRE_TO_FIELD.items()] for side in ("original", "target")
}


def create_v1(tx: Tx, call: Call) -> JsonObject:
    """POST v1/job_changes."""
    body = call.body
    info = body["transfer_info"]
    custom_targets, custom_originals = (custom_values.read(tx, info, side) for side in ("target", "original"))
    request = CreateJobChange(
        mode=body["transfer_mode"],
        employment_id=body.get("employment_id"),
        transfer_type=body.get("transfer_type_unique_identifier"),
        effective_date=body["effective_date"],
        flow_id=body.get("flow_id"),
        targets={**_read_side(info, "target"), **custom_values.by_key(custom_targets)},
        originals={**_read_side(info, "original"), **custom_values.by_key(custom_originals)},
        remark=info.get("remark"),
        offer_info=info.get("offer_info"),
        dotted_manager_clean=info.get("target_dotted_manager_clean"),
        probation_exist=info.get("probation_exist"),
        app_id=call.app_id,
        transfer_key=body.get("transfer_key"),
        initiator_id=body.get("initiator_id") or None,
        custom_values=(*custom_targets, *custom_originals),
    )
    return _to_response(tx, commands.create(tx, request, call.data_range))


def revoke_v2(tx: Tx, call: Call) -> JsonObject:
    """POST v2/job_changes/:job_change_id/revoke."""
    try:
        commands.revoke(tx, call.path["job_change_id"], call.body.get("operator_id"), call.data_range)
    except BusinessError as error:
        if error.code != SUCCESS:
            raise
        # the rules are checked before anything is changed, so this transaction commits no change
        return {"result": False, "message": error.message}
    return {"result": True, "message": "成功"}


def view_record(tx: Tx, id: str, as_of: IsoDate, known_at: str) -> JsonObject | None:
    job_change = records.get(tx, id)
    return to_row(job_change) if job_change else None


def _read_side(info: Mapping[str, Any], side: str) -> dict[str, Any]:
    """Return the fields of one side (`original` or `target`); empty text and empty lists count as absent.

    Custom fields are read by `custom_values`.
    """
    values = {field: v for wire, field in _FIELDS_BY_SIDE[side] if (v := info.get(wire)) not in (None, "", [])}
    employment_change = info.get(f"{side}_employment_change") or {}
    values.update((f, v) for f, v in employment_change.items() if f in records.EMPLOYMENT_FIELDS and v)
    return values


def _to_response(tx: Tx, job_change: JobChange) -> JsonObject:
    return {
        "job_change_id": job_change.id,
        "employment_id": job_change.employment_id,
        "status": STATUS_CODES[Status(job_change.status)],
        "transfer_type_unique_identifier": job_change.transfer_type,
        "transfer_reason_unique_identifier": job_change.transfer_reason or "",
        "process_id": job_change.process_id or "",
        "effective_date": job_change.effective_date,
        "created_time": epoch_millis(parse_timestamp(job_change.created_at)),
        "transfer_info": _transfer_info(tx, job_change),
    }


def _transfer_info(tx: Tx, job_change: JobChange) -> JsonObject:
    texts = {"remark": job_change.remark, "offer_info": job_change.offer_info}
    info: JsonObject = {name: text for name, text in texts.items() if text is not None}
    if job_change.dotted_manager_clean is not None:
        info["target_dotted_manager_clean"] = bool(job_change.dotted_manager_clean)
    if job_change.probation_exist is not None:
        info["probation_exist"] = bool(job_change.probation_exist)
    for side, values in (("original", job_change.originals), ("target", job_change.targets)):
        # None: the change empties the field
        info.update((wire, values[field] or "") for wire, field in _FIELDS_BY_SIDE[side] if field in values)
        employment_change = {f: v for f, v in values.items() if f in records.EMPLOYMENT_FIELDS}
        if rendered := custom_values.render(tx, values):
            employment_change["custom_fields"] = rendered
        if employment_change:
            info[f"{side}_employment_change"] = employment_change
    return info


FEATURE = Feature(
    "job_changes",
    commands={"v1.job_change.create": create_v1, "v2.job_change.revoke": revoke_v2},
    rulebooks=(CREATE, REVOKE),
    approval_callbacks={commands.APPROVAL_SUBJECT: commands.on_decided},
    daily_jobs=(DailyJob(records.list_due, commands.apply_due),),
    record_views={"job_changes": view_record, "transfer_types": view_row(transfer_types.transfer_type)},
    recipes=recipes.RECIPES,
    events=records.EVENTS_BY_PRIMITIVE,
)
