"""A demo company in the making: its days, its choices, what will happen in it, and the names of its records."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from corehr.entrypoints.demo.almanac import Almanac
from corehr.entrypoints.demo.chance import Chance
from corehr.entrypoints.demo.places import Organisation
from corehr.kernel.db import Store, Tx, decode_json, encode_json
from corehr.kernel.ids import SeededIds
from corehr.kernel.statements import (
    insert_into,
    integer_column,
    of_tenant,
    select_by,
    statement,
    tenant_table,
    text_column,
)
from corehr.kernel.tenants import DEFAULT_TENANT_ID

World = dict[str, dict[str, dict[str, Any]]]
"""What is known by name: facts, with at least `id`, by kind and name."""

world_name = tenant_table(
    "world_name", text_column("kind", key=True), text_column("name", key=True), text_column("facts")
)
demo_company = tenant_table("demo_company", integer_column("seed"), integer_column("employees"), text_column("now"))

_ADD_NAME = insert_into(world_name)
_NAMES = statement(sa.select(world_name).where(of_tenant(world_name)).order_by(world_name.c.kind, world_name.c.name))
_ADD_COMPANY = insert_into(demo_company)
_COMPANY = select_by(demo_company)


class Company:
    """What is known while it is built. `happens` is carried out in order of time by `live`."""

    def __init__(self, seed: int, employees: int, almanac: Almanac) -> None:
        self.seed, self.employees = seed, employees
        self.almanac = almanac
        self.chance = Chance(seed)
        self.world: World = {}
        self.organisation = Organisation()
        self._ids = SeededIds()
        self._happens: list[tuple[datetime, Callable[[Tx], None]]] = []

    def at(self, moment: datetime, work: Callable[[Tx], None]) -> None:
        """At a moment something happens, in a command of its own."""
        self._happens.append((moment, work))

    def name(self, kind: str, name: str, id: str, **facts: Any) -> str:
        """Give a record a name and facts; its id again."""
        self.world.setdefault(kind, {})[name] = {"id": id, **facts}
        return id

    def named(self, kind: str, name: str) -> str:
        """The id of a record that has a name."""
        return str(self.world[kind][name]["id"])

    def live(self, store: Store) -> None:
        """Let everything happen, the earliest first."""
        happens, self._happens = sorted(self._happens, key=lambda one: one[0]), []
        for moment, work in happens:
            store.command_sync(DEFAULT_TENANT_ID, work, at=moment, ids=self._ids)


def save(tx: Tx, company: Company) -> None:
    """Write down the names and that the company is whole."""
    add_names(tx, company.world)
    now = company.almanac.now.isoformat()
    tx.execute(_ADD_COMPANY, seed=company.seed, employees=company.employees, now=now)


def add_names(tx: Tx, world: World) -> None:
    """Records go by these names from now on."""
    tx.execute_many(
        _ADD_NAME,
        [
            {"kind": kind, "name": name, "facts": encode_json(facts).decode()}
            for kind, names in world.items()
            for name, facts in names.items()
        ],
    )


def read_names(tx: Tx) -> World:
    """Everything that has a name."""
    world: World = {}
    for row in tx.fetch_all(_NAMES):
        world.setdefault(row["kind"], {})[row["name"]] = decode_json(row["facts"])
    return world


def made(tx: Tx) -> tuple[int, int, datetime] | None:
    """Seed, employees and first moment of the demo company in this database; None when it holds no whole one."""
    row = tx.fetch_one(_COMPANY)
    return (row["seed"], row["employees"], datetime.fromisoformat(row["now"])) if row else None
