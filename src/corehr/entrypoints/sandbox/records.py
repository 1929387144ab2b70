"""One record as it was valid on a day and known at a moment, whatever kind it is of."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from starlette.requests import Request

from corehr.engines import versions
from corehr.engines.entity import Entity
from corehr.entrypoints.demo.organisation import ENTITIES
from corehr.entrypoints.sandbox.door import Refused, bad
from corehr.hr.contracts import records as contracts
from corehr.hr.departments import records as departments
from corehr.hr.employments import records as people
from corehr.hr.job_datas import records as job_datas
from corehr.hr.offboardings import records as offboardings
from corehr.hr.pre_hires import records as pre_hires
from corehr.hr.probation import records as probation
from corehr.hr.processes import records as processes
from corehr.hr.transfer_types import records as transfer_types
from corehr.hr.workforce_plans import records as workforce_plans
from corehr.kernel.clock import IsoDate, local_date, to_timestamp
from corehr.kernel.db import Tx
from corehr.kernel.feature import JsonObject, RecordView
from corehr.kernel.statements import select_by

if TYPE_CHECKING:
    from corehr.entrypoints.app import Installation


def of_entity(entity: Entity) -> RecordView:
    """A thing of this kind: how it looks on the day, and its versions."""

    def show(tx: Tx, id: str, on: IsoDate, known: str) -> JsonObject | None:
        return versions.to_record(versions.timeline_known_at(tx, entity.kind, id, known), on)

    return show


def of_row(table: sa.Table) -> RecordView:
    """A plain row: it has no past to be shown."""
    found = select_by(table, "id")

    def show(tx: Tx, id: str, on: IsoDate, known: str) -> JsonObject | None:
        return _row(tx.fetch_one(found, id=id))

    return show


def department(tx: Tx, id: str, on: IsoDate, known: str) -> JsonObject | None:
    """The department, with the company's own id for it."""
    shown = of_entity(departments.DEPARTMENT)(tx, id, on, known)
    rows = departments.list_by_ids(tx, [id])
    return {**shown, "department_id": rows[0]["department_id"]} if shown and rows else None


def contract(tx: Tx, id: str, on: IsoDate, known: str) -> JsonObject | None:
    """The contract, with whose it is."""
    shown = versions.to_record(versions.timeline_known_at(tx, contracts.KIND, id, known), on)
    row = tx.fetch_one(_CONTRACT, id=id)
    return {**shown, "employment_id": row["employment_id"]} if shown and row else None


def employment(tx: Tx, id: str, on: IsoDate, known: str) -> JsonObject | None:
    """The person: the row, and everything dated about them."""
    row = _row(tx.fetch_one(_EMPLOYMENT, id=id))
    facts = versions.timeline_known_at(tx, people.KIND, id, known)
    if row is None or not facts:
        return None
    job_data = versions.timeline_known_at(tx, job_datas.KIND, row["job_data_id"], known)
    on_probation = versions.timeline_known_at(tx, probation.KIND, id, known)
    return {
        **row,
        **(versions.to_record(facts, on) or {}),
        "job_data": versions.to_record(job_data, on),
        "probation": versions.to_record(on_probation, on),
        "contract_ids": contracts.list_ids(tx, id),
        "offboarding_ids": [r["id"] for r in offboardings.list_by_employment(tx, id)],
    }


_CONTRACT: Final = select_by(contracts.contract, "id")
_EMPLOYMENT: Final = select_by(people.employment, "id")

SHOWS: Final[Mapping[str, RecordView]] = {
    **{kind: of_entity(entity) for kind, entity in ENTITIES.items()},
    "departments": department,
    "employments": employment,
    "contracts": contract,
    "transfer_types": of_row(transfer_types.transfer_type),
    "workforce_plans": of_row(workforce_plans.workforce_plan),
    "flows": of_row(processes.flow),
    "onboarding_flows": of_row(pre_hires.onboarding_flow),
}
"""Of kinds whose features have nothing to show yet themselves."""


_BLANK: Final = re.compile(r" (\d\d:\d\d)$")
"""What an unescaped + of a query arrives as."""


class Records:
    """GET records/{kind}/{id}."""

    def __init__(self, installation: "Installation") -> None:
        self._installation = installation

    async def get(self, request: Request) -> JsonObject:
        """`on` is a day, today when it is left out; `known` a moment, the present one when it is left out."""
        from corehr.entrypoints.app import RECORD_VIEWS

        shows = {**SHOWS, **RECORD_VIEWS}
        kind, id = request.path_params["kind"], request.path_params["id"]
        show = shows.get(kind)
        if show is None:
            raise Refused(HTTPStatus.NOT_FOUND, f"there are no {kind}: kinds are {', '.join(sorted(shows))}")
        house = self._installation
        now = house.clock.now(house.tenant.id)
        on = _day(request.query_params.get("on"), local_date(now, house.tenant.time_zone))
        known = _moment(request.query_params.get("known"), now)
        found = None
        if id.isprintable():
            found = await house.store.query(house.tenant.id, lambda tx: show(tx, id, on, to_timestamp(known)))
        if found is None:
            raise Refused(HTTPStatus.NOT_FOUND, f"there is no {kind} {id}, or it was not known then")
        return found


def _row(row: dict[str, Any] | None) -> JsonObject | None:
    return {name: value for name, value in row.items() if name != "tenant"} if row else None


def _day(text: str | None, today: IsoDate) -> IsoDate:
    if text is None:
        return today
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise bad("on must be a day, as 2026-01-05") from None


def _moment(text: str | None, now: datetime) -> datetime:
    if text is None:
        return now
    try:
        moment = datetime.fromisoformat(_BLANK.sub(r"+\1", text))
        if moment.tzinfo is None:
            raise bad("known needs its zone, as 2026-01-05T09:00:00+08:00")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise bad("known must be a moment, as 2026-01-05T09:00:00+08:00") from None
