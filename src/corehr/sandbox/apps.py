"""The sandbox calls that create an app, for tests that need one of their own, and that revoke an app's tokens."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from starlette.requests import Request

from corehr.app.installation import Installation
from corehr.apps import opaque_ids, registry
from corehr.apps.registry import App, AppType
from corehr.apps.scopes import ALL_SCOPES, PreHireAccess
from corehr.hr.organization import departments
from corehr.kernel.clock import real_now, real_seconds, to_timestamp
from corehr.kernel.db import Tx
from corehr.kernel.ids import UNKNOWN_ID
from corehr.sandbox.router import SandboxError, bad_request, parse_body

IdText = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]


class DepartmentRange(msgspec.Struct, forbid_unknown_fields=True):
    """Departments given by CoreHR id, open_department_id or department_id."""

    departments: list[IdText]


class CreateAppBody(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00]*$")] = "sandbox app"
    type: AppType = "custom"
    scopes: Literal["*"] | list[IdText] = "*"
    data_range: Literal["all", "none"] | DepartmentRange = "all"
    pre_hires: PreHireAccess = "all"


async def create_app(installation: Installation, request: Request) -> dict[str, Any]:
    """Create an app and return its id and secret.

    Raises SandboxError (400) when its data range names a department that does not exist.
    """
    body = await parse_body(request, CreateAppBody)

    def create(tx: Tx) -> tuple[str, str]:
        data_range: Literal["all", "none"] | Collection[str] = (
            body.data_range
            if isinstance(body.data_range, str)
            else _resolve_departments(tx, installation.tenant.server_key, body.data_range.departments)
        )
        return registry.create_app(
            tx,
            body.name,
            type=body.type,
            scopes=ALL_SCOPES if body.scopes == ALL_SCOPES else frozenset(body.scopes),
            data_range=data_range,
            pre_hires=body.pre_hires,
        )

    app_id, secret = await installation.store.command(installation.tenant.id, create)
    return {"app_id": app_id, "app_secret": secret}


async def revoke_tokens(installation: Installation, request: Request) -> dict[str, Any]:
    """Revoke every token that was given to the app so far, and return an empty object.

    A token is dated by the second in which its window began, so that one of the present second is waited for. Raises
    SandboxError (404) when there is no such app.
    """
    app = await get_app(installation, request.path_params["app_id"])
    next_second = installation.tokens.window_start(app) + 1
    await asyncio.sleep(max(0, next_second - real_seconds()))
    revoked_at = to_timestamp(max(real_now(), datetime.fromtimestamp(next_second, UTC)))
    await installation.store.command(app.tenant, lambda tx: registry.revoke_tokens(tx, app.app_id, revoked_at))
    await installation.apps.refresh()
    return {}


async def get_app(installation: Installation, app_id: str) -> App:
    """Return an app of the tenant; raises SandboxError (404) when there is no such app."""
    app = await installation.apps.get(app_id)
    if app is None or app.tenant != installation.tenant.id:
        raise SandboxError(HTTPStatus.NOT_FOUND, "there is no such app")
    return app


def _resolve_departments(tx: Tx, server_key: str, department_ids: Sequence[str]) -> list[str]:
    """Return the sorted CoreHR ids of departments given by CoreHR id, open_department_id or department_id.

    Raises SandboxError (400) when one of them does not exist.
    """
    codec = opaque_ids.open_department_id_codec(server_key)
    by_open_id = {id: decoded for id in department_ids if (decoded := codec.decode(id)) != UNKNOWN_ID}
    by_own_id = {row["department_id"]: row["id"] for row in departments.list_by_department_ids(tx, department_ids)}
    ids = {id: by_open_id.get(id) or by_own_id.get(id) or id for id in department_ids}
    existing = {row["id"] for row in departments.list_by_ids(tx, list(ids.values()))}
    if unknown := [name for name, id in ids.items() if id not in existing]:
        raise bad_request(f"there is no department {unknown[0]}")
    return sorted(set(ids.values()))
