"""The apps of a demo company; their secrets are no secrets."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from corehr.entrypoints.demo.company import Company
from corehr.gateway import spec as gateway_spec
from corehr.gateway.apps import ALL_SCOPES, AppType, Scopes, create_app
from corehr.gateway.fields import Field
from corehr.gateway.spec import EventType, Operation, Spec
from corehr.kernel.db import Tx
from corehr.kernel.feature import PreHireAccess


@dataclass(frozen=True)
class DemoApp:
    """`scopes` and `data_range` are words for what is known only once the spec is read and departments exist."""

    name: str
    secret: str
    says: str
    type: AppType = "custom"
    scopes: Literal["all", "none", "narrow"] = "all"
    data_range: Literal["all", "none", "part"] = "all"
    pre_hires: PreHireAccess = "all"


APPS: Final[Mapping[str, DemoApp]] = {
    "cli_a000000000000001": DemoApp("all", "demo-secret-all", "every scope, sees everyone"),
    "cli_a000000000000002": DemoApp("none", "demo-secret-none", "no scope", scopes="none", pre_hires="none"),
    "cli_a000000000000003": DemoApp(
        "narrow",
        "demo-secret-narrow",
        "every API scope, no field scope, sees nobody",
        scopes="narrow",
        data_range="none",
        pre_hires="none",
    ),
    "cli_a000000000000004": DemoApp("store", "demo-secret-store", "a store app", type="store"),
    "cli_a000000000000005": DemoApp(
        "part", "demo-secret-part", "every scope, sees one department and its children", data_range="part"
    ),
}
FIRST: Final = next(iter(APPS))


def add_apps(tx: Tx, company: Company) -> None:
    """All of them, under the ids and secrets that the documents name."""
    inside = company.named("departments", "range")
    scopes: Mapping[str, Scopes] = {
        "all": ALL_SCOPES,
        "none": frozenset(),
        "narrow": without_field_scopes(gateway_spec.load()),
    }
    for app_id, it in APPS.items():
        seen: Literal["all", "none"] | Collection[str] = [inside] if it.data_range == "part" else it.data_range
        create_app(
            tx,
            it.name,
            type=it.type,
            scopes=scopes[it.scopes],
            data_range=seen,
            pre_hires=it.pre_hires,
            app_id=app_id,
            app_secret=it.secret,
            created_at=tx.recorded_at,
        )
        company.name("apps", it.name, app_id, app_secret=it.secret, type=it.type)


def without_field_scopes(spec: Spec) -> frozenset[str]:
    """Enough for every operation and event, and nothing that shows a field.

    Where all the scopes of an operation are also some field's, it could not be called without one: it keeps the first.
    """
    entries: list[Operation | EventType] = [*spec.operations.values(), *spec.events.values()]
    shown = frozenset(scope for entry in entries for scope in _of_fields(entry))
    kept = frozenset(scope for entry in entries for scope in entry.scopes) - shown
    uncallable = [entry.scopes[0] for entry in entries if entry.scopes and kept.isdisjoint(entry.scopes)]
    return kept | frozenset(uncallable)


def _of_fields(entry: Operation | EventType) -> frozenset[str]:
    fields = (*entry.body, *entry.query, *entry.response) if isinstance(entry, Operation) else entry.body
    return frozenset(entry.field_scopes) | frozenset(scope for field in fields for scope in _of_field(field))


def _of_field(field: Field) -> frozenset[str]:
    own = {*field.scopes, *(scope for scopes in field.value_scopes.values() for scope in scopes)}
    inner = (*field.fields, *((field.item,) if field.item else ()))
    return frozenset(own).union(*(_of_field(one) for one in inner))
