"""The apps of a demo company, with published secrets."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from corehr.apps.registry import AppType, create_app
from corehr.apps.scopes import ALL_SCOPES, PreHireAccess, Scopes
from corehr.demo.demo_build import DemoBuild
from corehr.kernel.db import Tx
from corehr.spec import loader as gateway_spec
from corehr.spec.fields import Field
from corehr.spec.loader import EventType, Operation, Spec


@dataclass(frozen=True)
class DemoApp:
    """An app. `scopes` and `data_range` are keywords, resolved once the spec is read and the departments exist."""

    name: str
    secret: str
    description: str
    type: AppType = "custom"
    scopes: Literal["all", "none", "narrow"] = "all"
    data_range: Literal["all", "none", "part"] = "all"
    pre_hires: PreHireAccess = "all"


APPS: Final[Mapping[str, DemoApp]] = {
    "cli_a000000000000001": DemoApp("all", "demo-secret-all", "every scope, data range everyone"),
    "cli_a000000000000002": DemoApp("none", "demo-secret-none", "no scope", scopes="none", pre_hires="none"),
    "cli_a000000000000003": DemoApp(
        "narrow",
        "demo-secret-narrow",
        "every API scope, no field scope, empty data range",
        scopes="narrow",
        data_range="none",
        pre_hires="none",
    ),
    "cli_a000000000000004": DemoApp("store", "demo-secret-store", "a store app", type="store"),
    "cli_a000000000000005": DemoApp(
        "part", "demo-secret-part", "every scope, data range one department and its children", data_range="part"
    ),
}
DEFAULT_APP_ID: Final = next(iter(APPS))


def create_apps(tx: Tx, build: DemoBuild) -> None:
    """Create all apps of `APPS`, with the documented ids and secrets, and register their names."""
    department_id = build.id_of("departments", "range")
    scopes: Mapping[str, Scopes] = {
        "all": ALL_SCOPES,
        "none": frozenset(),
        "narrow": api_scopes_without_field_scopes(gateway_spec.load()),
    }
    for app_id, app in APPS.items():
        data_range: Literal["all", "none"] | Collection[str] = (
            [department_id] if app.data_range == "part" else app.data_range
        )
        create_app(
            tx,
            app.name,
            type=app.type,
            scopes=scopes[app.scopes],
            data_range=data_range,
            pre_hires=app.pre_hires,
            app_id=app_id,
            app_secret=app.secret,
            created_at=tx.recorded_at,
        )
        build.register("apps", app.name, app_id, app_secret=app.secret, type=app.type)


def api_scopes_without_field_scopes(spec: Spec) -> frozenset[str]:
    """Return scopes that allow every operation and event, and include no field scope where that is possible.

    An operation or event whose scopes are all field scopes too keeps the first of them, or it could not be used.
    """
    entries: list[Operation | EventType] = [*spec.operations.values(), *spec.events.values()]
    field_scopes = frozenset(scope for entry in entries for scope in _scopes_of_fields(entry))
    api_scopes = frozenset(scope for entry in entries for scope in entry.scopes) - field_scopes
    uncallable = [entry.scopes[0] for entry in entries if entry.scopes and api_scopes.isdisjoint(entry.scopes)]
    return api_scopes | frozenset(uncallable)


def _scopes_of_fields(entry: Operation | EventType) -> frozenset[str]:
    fields = (*entry.body, *entry.query, *entry.response) if isinstance(entry, Operation) else entry.body
    return frozenset(entry.field_scopes) | frozenset(scope for field in fields for scope in _scopes_of_field(field))


def _scopes_of_field(field: Field) -> frozenset[str]:
    own = {*field.scopes, *(scope for scopes in field.value_scopes.values() for scope in scopes)}
    inner = (*field.fields, *((field.item,) if field.item else ()))
    return frozenset(own).union(*(_scopes_of_field(inner_field) for inner_field in inner))
