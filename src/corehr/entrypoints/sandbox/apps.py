"""Fresh apps, for tests that need one of their own."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta
from starlette.requests import Request

from corehr.entrypoints.sandbox.door import bad, read
from corehr.gateway import opaque_ids
from corehr.gateway.apps import ALL_SCOPES, AppType, create_app
from corehr.hr.departments import records as departments
from corehr.kernel.db import Tx
from corehr.kernel.feature import PreHireAccess
from corehr.kernel.ids import UNKNOWN_ID

if TYPE_CHECKING:
    from corehr.entrypoints.app import Installation

Id = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]


class Departments(msgspec.Struct, forbid_unknown_fields=True):
    """Ids of any kind that departments have."""

    departments: list[Id]


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00]*$")] = "sandbox app"
    type: AppType = "custom"
    scopes: Literal["*"] | list[Id] = "*"
    data_range: Literal["all", "none"] | Departments = "all"
    pre_hires: PreHireAccess = "all"


class Apps:
    """POST apps."""

    def __init__(self, installation: "Installation") -> None:
        self._installation = installation

    async def post(self, request: Request) -> dict[str, Any]:
        """Its id and secret; Refused when its range names a department that does not exist."""
        wanted, house = await read(request, Wanted), self._installation

        def add(tx: Tx) -> tuple[str, str]:
            seen: Literal["all", "none"] | Collection[str] = (
                wanted.data_range
                if isinstance(wanted.data_range, str)
                else _departments(tx, house.tenant.server_key, wanted.data_range.departments)
            )
            return create_app(
                tx,
                wanted.name,
                type=wanted.type,
                scopes=ALL_SCOPES if wanted.scopes == ALL_SCOPES else frozenset(wanted.scopes),
                data_range=seen,
                pre_hires=wanted.pre_hires,
            )

        app_id, secret = await house.store.command(house.tenant.id, add)
        return {"app_id": app_id, "app_secret": secret}


def _departments(tx: Tx, server_key: str, named: Sequence[str]) -> list[str]:
    """CoreHR ids of departments named by that, by open_department_id or by department_id."""
    speak = opaque_ids.open_department_ids(server_key)
    made = {id: read for id in named if (read := speak.decode(id)) != UNKNOWN_ID}
    own = {row["department_id"]: row["id"] for row in departments.list_by_department_ids(tx, named)}
    ids = {id: made.get(id) or own.get(id) or id for id in named}
    there = {row["id"] for row in departments.list_by_ids(tx, list(ids.values()))}
    if unknown := [name for name, id in ids.items() if id not in there]:
        raise bad(f"there is no department {unknown[0]}")
    return sorted(set(ids.values()))
