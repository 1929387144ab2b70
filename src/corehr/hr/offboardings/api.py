"""Offboardings on the wire."""

from dataclasses import asdict

from corehr.engines.custom_fields import encode
from corehr.hr.offboardings import commands, records
from corehr.hr.offboardings.rules.edit import EDIT
from corehr.hr.offboardings.rules.revoke import REVOKE
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx
from corehr.kernel.feature import Call, DailyJob, Feature, JsonObject


def edit_v2(tx: Tx, call: Call) -> JsonObject:
    """POST v2/offboardings/edit."""
    body = call.body
    sent = body.get("update_data")
    commands.edit(tx, body.get("offboarding_id"), body.get("operator_id"), sent, call.data_range)
    return {"data": [{name: one[name] for name in ("field_name", "value")} for one in sent or ()]}


def revoke_v2(tx: Tx, call: Call) -> JsonObject:
    """POST v2/offboardings/revoke."""
    commands.revoke(tx, call.body.get("offboarding_id"), call.body.get("operator_id"), call.data_range)
    return {}


def show(tx: Tx, id: str, on: IsoDate, known: str) -> JsonObject | None:
    """The row, its values as the wire writes them."""
    row = records.get(tx, id)
    if row is None:
        return None
    return {**row, "info": {name: encode(value) for name, value in row["info"].items()}}


def show_field(tx: Tx, id: str, on: IsoDate, known: str) -> JsonObject | None:
    """One field of the form: `id` is its name."""
    it = records.definitions(tx).get(id)
    return {**asdict(it), "options": sorted(it.options), "editable": it.editable} if it else None


FEATURE = Feature(
    "offboardings",
    commands={"v2.offboarding.edit": edit_v2, "v2.offboarding.revoke": revoke_v2},
    rulebooks=(EDIT, REVOKE),
    approval_callbacks={
        records.SUBJECT: commands.decided,
        records.CHECKLIST: commands.hand_over_decided,
        records.MODIFICATION: commands.modification_decided,
        records.WITHDRAWAL: commands.withdrawal_decided,
    },
    daily_jobs=(DailyJob(records.due, commands.come_due),),
    record_views={"offboardings": show, "offboarding_fields": show_field},
)
