"""The demo company: one seed and one moment make the same company, byte for byte.

Only what holds real time differs: when its apps were made, and when its clock was set.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Final

from corehr.engines.effective_dating import open_zone
from corehr.entrypoints import tenants
from corehr.entrypoints.demo import apps, changes, characters, company, departures, described, pre_hires, rows
from corehr.entrypoints.demo.almanac import DEFAULT_NOW, FAR_ZONE, ZONE, Almanac, later
from corehr.entrypoints.demo.banner import banner
from corehr.entrypoints.demo.company import Company
from corehr.entrypoints.demo.organisation import Founding
from corehr.entrypoints.demo.people import Staffing
from corehr.entrypoints.demo.plans import Plan, Planning
from corehr.kernel import tenants as kernel_tenants
from corehr.kernel.clock import Clock
from corehr.kernel.db import Store, Tx
from corehr.kernel.ids import TimeOrderedIds
from corehr.kernel.settings import UsageError, open_store
from corehr.kernel.tenants import DEFAULT_TENANT_ID

__all__ = ["DEFAULT_NOW", "EMPLOYEES", "SEED", "banner", "build", "prepare"]

EMPLOYEES: Final = 200
SEED: Final = 1
_BEFORE: Final = 60
"""Days before its first day on which a company sets itself up."""


def prepare(url: str, *, employees: int = EMPLOYEES, seed: int = SEED, now: datetime = DEFAULT_NOW) -> None:
    """Fill an empty, migrated database with the demo company; one that holds this seed is left as it is.

    WrongUse when it holds anything else, or when there would be too few people for everybody who has a name.
    """
    store = open_store(url, Clock(), TimeOrderedIds())
    try:
        there, whole = store.command_sync(DEFAULT_TENANT_ID, lambda tx: (kernel_tenants.get(tx), company.made(tx)))
        if there and there.seed is None:
            raise UsageError("this database holds a company that is no demo: give --db an empty one")
        if there and there.seed != str(seed):
            raise UsageError(f"this demo company has --seed {there.seed}: ask for that one, or give --db another")
        if not whole:
            build(store, employees=employees, seed=seed, now=now)
    finally:
        store.close()


def build(store: Store, *, employees: int, seed: int, now: datetime) -> None:
    """Make the company; what was in the store before, or an interrupted attempt left behind, is taken away.

    A tenant that is there stays until the new one replaces it, so that its apps are never unknown.
    """
    if employees < characters.FEWEST:
        raise UsageError(
            f"a demo company has at least {characters.FEWEST} people: give --employees {characters.FEWEST}"
        )
    store.command_sync(DEFAULT_TENANT_ID, partial(rows.take_away, but=rows.ITSELF))
    made = Company(seed, employees, Almanac(now))
    almanac = made.almanac
    founding = almanac.morning(later(almanac.founded, -_BEFORE))
    made.at(founding, partial(_found, made))
    made.live(store)
    planning = Planning(made, made.organisation)
    planning.lead()
    cast = characters.cast(planning, made, made.organisation)
    planning.fill(employees)
    Staffing(made, made.organisation).schedule(planning.everybody)
    made.at(almanac.morning(almanac.founded), partial(changes.add_flows, made, cast))
    changes.schedule(made, cast)
    departures.schedule(made, cast)
    pre_hires.schedule(made)
    made.at(now, partial(_open, made, cast))
    made.live(store)


def _found(made: Company, tx: Tx) -> None:
    made.organisation = Founding(tx, made).set_up()
    changes.add_types(tx, made)


def _open(made: Company, cast: Mapping[str, Plan], tx: Tx) -> None:
    """The present: apps may call, records have names; the company itself last, so that it is whole or not there."""
    rows.take_away_itself(tx)
    apps.add_apps(tx, made)
    server_key = sha256(f"demo company {made.seed}".encode()).hexdigest()
    changes.describe(tx, made, server_key)
    names = {name: plan.id for name, plan in cast.items()}
    made.world["employments"] = dict(described.describe_people(tx, names, made.almanac.today, server_key))
    described.describe_departments(tx, made.world, server_key)
    company.save(tx, made)
    tenants.create_tenant(
        tx,
        "Demo company",
        ZONE,
        tenant_key=server_key[:16],
        server_key=server_key,
        seed=str(made.seed),
        keep_world_clock=True,
    )
    open_zone(tx, FAR_ZONE)
