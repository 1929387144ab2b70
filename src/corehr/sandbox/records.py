"""The sandbox call that returns one record of any kind, as of a day and as known at an instant."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import Any, Final

import sqlalchemy as sa
from starlette.requests import Request

from corehr.app.features import RECORD_VIEWS
from corehr.app.installation import Installation
from corehr.apps.handlers import JsonObject
from corehr.demo.organisation import ENTITIES
from corehr.engines import versions
from corehr.engines.entity import Entity
from corehr.engines.feature import RecordView
from corehr.hr.contracts import records as contracts
from corehr.hr.employees.employments import records as employments
from corehr.hr.employees.job_datas import records as job_datas
from corehr.hr.job_changes import transfer_types
from corehr.hr.offboardings import records as offboardings
from corehr.hr.organization import departments
from corehr.hr.pre_hires import records as pre_hires
from corehr.hr.probation import records as probation
from corehr.hr.processes import records as processes
from corehr.hr.workforce_plans import records as workforce_plans
from corehr.kernel.clock import IsoDate, local_date, to_timestamp
from corehr.kernel.db import Tx
from corehr.kernel.statements import select_by
from corehr.sandbox.router import SandboxError, bad_request


def view_entity(entity: Entity) -> RecordView:
    """Return the view of an entity: its version as of the day, and its versions."""

    def view(tx: Tx, id: str, as_of: IsoDate, known_at: str) -> JsonObject | None:
        return versions.to_record(versions.timeline_known_at(tx, entity.kind, id, known_at), as_of)

    return view


def view_row(table: sa.Table) -> RecordView:
    """Return the view of a row without versions: its current columns."""
    select_by_id = select_by(table, "id")

    def view(tx: Tx, id: str, as_of: IsoDate, known_at: str) -> JsonObject | None:
        return _without_tenant(tx.fetch_one(select_by_id, id=id))

    return view


def view_department(tx: Tx, id: str, as_of: IsoDate, known_at: str) -> JsonObject | None:
    """Return the department with its versions and its department_id, or None."""
    record = view_entity(departments.DEPARTMENT)(tx, id, as_of, known_at)
    rows = departments.list_by_ids(tx, [id])
    return {**record, "department_id": rows[0]["department_id"]} if record and rows else None


def view_contract(tx: Tx, id: str, as_of: IsoDate, known_at: str) -> JsonObject | None:
    """Return the contract with its versions and its employment_id, or None."""
    record = versions.to_record(versions.timeline_known_at(tx, contracts.KIND, id, known_at), as_of)
    row = tx.fetch_one(_SELECT_CONTRACT, id=id)
    return {**record, "employment_id": row["employment_id"]} if record and row else None


def view_employment(tx: Tx, id: str, as_of: IsoDate, known_at: str) -> JsonObject | None:
    """Return the employment with its versions, job data, probation, contract ids and offboarding ids, or None."""
    row = _without_tenant(tx.fetch_one(_SELECT_EMPLOYMENT, id=id))
    timeline = versions.timeline_known_at(tx, employments.KIND, id, known_at)
    if row is None or not timeline:
        return None
    job_data = versions.timeline_known_at(tx, job_datas.KIND, row["job_data_id"], known_at)
    probation_timeline = versions.timeline_known_at(tx, probation.KIND, id, known_at)
    return {
        **row,
        **(versions.to_record(timeline, as_of) or {}),
        "job_data": versions.to_record(job_data, as_of),
        "probation": versions.to_record(probation_timeline, as_of),
        "contract_ids": contracts.list_ids(tx, id),
        "offboarding_ids": [r.id for r in offboardings.list_by_employment(tx, id)],
    }


_SELECT_CONTRACT: Final = select_by(contracts.contract, "id")
_SELECT_EMPLOYMENT: Final = select_by(employments.employment, "id")

SANDBOX_RECORD_VIEWS: Final[Mapping[str, RecordView]] = {
    **{kind: view_entity(entity) for kind, entity in ENTITIES.items()},
    "departments": view_department,
    "employments": view_employment,
    "contracts": view_contract,
    "transfer_types": view_row(transfer_types.transfer_type),
    "workforce_plans": view_row(workforce_plans.workforce_plan),
    "flows": view_row(processes.flow),
    "onboarding_flows": view_row(pre_hires.onboarding_flow),
}
"""The views of kinds whose features have no view_record of their own yet."""


_UNESCAPED_PLUS: Final = re.compile(r" (\d\d:\d\d)$")
"""The end of a timestamp whose + was not escaped in the query: it arrives as a space."""


class RecordRoutes:
    """The handler of GET records/{kind}/{id}."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation

    async def get_record(self, request: Request) -> JsonObject:
        """Return the record as of the day `on`, by default today, as known at `known`, by default now.

        Raises SandboxError (404) when the kind or the record is unknown, (400) when a query parameter is invalid.
        """
        views = {**SANDBOX_RECORD_VIEWS, **RECORD_VIEWS}
        kind, id = request.path_params["kind"], request.path_params["id"]
        view = views.get(kind)
        if view is None:
            raise SandboxError(HTTPStatus.NOT_FOUND, f"there are no {kind}: kinds are {', '.join(sorted(views))}")
        installation = self._installation
        now = installation.clock.now(installation.tenant.id)
        as_of = _parse_as_of(request.query_params.get("on"), local_date(now, installation.tenant.time_zone))
        known_at = _parse_known_at(request.query_params.get("known"), now)
        found = None
        if id.isprintable():
            found = await installation.store.query(
                installation.tenant.id, lambda tx: view(tx, id, as_of, to_timestamp(known_at))
            )
        if found is None:
            raise SandboxError(HTTPStatus.NOT_FOUND, f"there is no {kind} {id}, or it was not known then")
        return found


def _without_tenant(row: dict[str, Any] | None) -> JsonObject | None:
    return {name: value for name, value in row.items() if name != "tenant"} if row else None


def _parse_as_of(text: str | None, today: IsoDate) -> IsoDate:
    if text is None:
        return today
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise bad_request("on must be a day, as 2026-01-05") from None


def _parse_known_at(text: str | None, now: datetime) -> datetime:
    if text is None:
        return now
    try:
        instant = datetime.fromisoformat(_UNESCAPED_PLUS.sub(r"+\1", text))
        if instant.tzinfo is None:
            raise bad_request("known needs a UTC offset, as 2026-01-05T09:00:00+08:00")
        return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise bad_request("known must be a moment, as 2026-01-05T09:00:00+08:00") from None
