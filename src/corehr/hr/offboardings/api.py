"""The operations on offboardings, and how the sandbox shows their records."""

from msgspec.structs import asdict

from corehr.apps.handlers import Call, JsonObject
from corehr.engines.custom_fields import encode
from corehr.engines.effective_dating import DailyJob
from corehr.engines.feature import Feature
from corehr.hr.offboardings import commands, recipes, records
from corehr.hr.offboardings.row import Offboarding
from corehr.hr.offboardings.rules.edit import EDIT
from corehr.hr.offboardings.rules.revoke import REVOKE
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx, to_row


def edit_v2(tx: Tx, call: Call) -> JsonObject:
    """Handle POST v2/offboardings/edit. The response has the values as stored, under the names of the request."""
    body = call.body
    offboarding_id, update_data = body.get("offboarding_id"), body.get("update_data")
    offboarding = commands.edit(tx, offboarding_id, body.get("operator_id"), update_data, call.data_range)
    names = [item["field_name"] for item in update_data or ()]
    return {"data": [{"field_name": name, "value": _encoded_value(offboarding, name)} for name in names]}


def _encoded_value(offboarding: Offboarding, name: str) -> str:
    return encode(records.value_of(offboarding, records.FIELD_ALIASES.get(name, name)))


def revoke_v2(tx: Tx, call: Call) -> JsonObject:
    """Handle POST v2/offboardings/revoke."""
    commands.revoke(tx, call.body.get("offboarding_id"), call.body.get("operator_id"), call.data_range)
    return {}


def view_record(tx: Tx, id: str, as_of: IsoDate, known_at: str) -> JsonObject | None:
    """Return the offboarding with its values encoded as on the wire, or None."""
    offboarding = records.get(tx, id)
    if offboarding is None:
        return None
    return {**to_row(offboarding), "info": {name: encode(value) for name, value in offboarding.info.items()}}


def view_field_definition(tx: Tx, id: str, as_of: IsoDate, known_at: str) -> JsonObject | None:
    """Return the definition of the form field named `id`, or None."""
    definition = records.get_definitions(tx).get(id)
    return (
        {**asdict(definition), "options": sorted(definition.options), "editable": definition.editable}
        if definition
        else None
    )


FEATURE = Feature(
    "offboardings",
    commands={"v2.offboarding.edit": edit_v2, "v2.offboarding.revoke": revoke_v2},
    rulebooks=(EDIT, REVOKE),
    approval_callbacks={
        records.APPROVAL_SUBJECT: commands.on_decided,
        records.CHECKLIST: commands.on_checklist_decided,
        records.MODIFICATION: commands.on_modification_decided,
        records.WITHDRAWAL: commands.on_withdrawal_decided,
    },
    daily_jobs=(DailyJob(records.list_due, commands.apply_due),),
    record_views={"offboardings": view_record, "offboarding_fields": view_field_definition},
    recipes=recipes.RECIPES,
    events=records.EVENTS_BY_PRIMITIVE,
)
