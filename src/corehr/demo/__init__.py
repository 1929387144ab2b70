"""The demo company: the same seed and the same `now` make the same company, byte for byte.

Only real times differ: when its apps were made, and when its clock was set; and with another key, what encryption makes
of its secrets.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Final

from corehr.app import tenants
from corehr.app.keys import load_or_create
from corehr.app.stores import open_store, sqlite_path
from corehr.demo import (
    apps,
    changes,
    demo_build,
    employment_forms,
    endings,
    named_facts,
    named_people,
    pre_hires,
    rehires,
)
from corehr.demo.banner import banner
from corehr.demo.dates import DEFAULT_NOW, TIME_ZONE, DemoDates, add_days
from corehr.demo.demo_build import DemoBuild
from corehr.demo.organisation import OrganisationSeed
from corehr.demo.people import PeopleSeed
from corehr.demo.plans import PeoplePlanner, PersonSeed
from corehr.engines.effective_dating import skip_days
from corehr.kernel import tenant_rows
from corehr.kernel import tenants as kernel_tenants
from corehr.kernel.clock import Clock
from corehr.kernel.db import Store, Tx
from corehr.kernel.errors import UsageError
from corehr.kernel.ids import TimeOrderedIds
from corehr.kernel.tenants import DEFAULT_TENANT_ID

__all__ = ["DEFAULT_EMPLOYEES", "DEFAULT_NOW", "DEFAULT_SEED", "banner", "prepare", "rebuild"]

DEFAULT_EMPLOYEES: Final = 200
DEFAULT_SEED: Final = 1
_SETUP_DAYS_BEFORE: Final = 60
"""Days before the first day of the company on which its organisation is created."""


def prepare(
    url: str,
    *,
    employees: int = DEFAULT_EMPLOYEES,
    seed: int = DEFAULT_SEED,
    now: datetime = DEFAULT_NOW,
    key_file: str | None = None,
) -> None:
    """Fill an empty, migrated database with the demo company, unless it already holds the company of this seed.

    Raises UsageError when it holds anything else, or when `employees` is less than `MIN_EMPLOYEES`.
    """
    store = open_store(url, Clock(), TimeOrderedIds(), key_file)
    try:
        tenant, demo_company = store.command_sync(
            DEFAULT_TENANT_ID, lambda tx: (kernel_tenants.get(tx), demo_build.find_demo_company(tx))
        )
        if tenant and tenant.seed is None:
            raise UsageError("this database holds a company that is not a demo: give --db an empty one")
        if tenant and tenant.seed != str(seed):
            raise UsageError(f"this demo company has --seed {tenant.seed}: use that seed, or another --db")
        if not tenant:
            store.keys = load_or_create(sqlite_path(url), key_file)
        if not demo_company:
            rebuild(store, employees=employees, seed=seed, now=now)
    finally:
        store.close()


def rebuild(store: Store, *, employees: int, seed: int, now: datetime) -> None:
    """Make the company, after deleting all rows that were there, such as those of an interrupted attempt.

    An existing tenant and its apps stay until the new ones replace them, so that its apps are never unknown.

    Raises UsageError when `employees` is less than `MIN_EMPLOYEES`.
    """
    if employees < named_people.MIN_EMPLOYEES:
        raise UsageError(
            f"a demo company has at least {named_people.MIN_EMPLOYEES} people: "
            f"give --employees {named_people.MIN_EMPLOYEES}"
        )
    store.command_sync(
        DEFAULT_TENANT_ID, partial(tenant_rows.delete_rows, excluding_tables=tenant_rows.IDENTITY_TABLES)
    )
    build = DemoBuild(seed, employees, DemoDates(now))
    dates = build.dates
    set_up_at = dates.at_nine(add_days(dates.founded, -_SETUP_DAYS_BEFORE))
    build.schedule(set_up_at, partial(_create_organisation, build))
    build.run(store)
    planner = PeoplePlanner(build, build.organisation)
    planner.plan_heads()
    named_people.plan_named_people(planner, build, build.organisation)
    planner.plan_teams(employees - len(rehires.NAMES))
    rehires.plan_people(planner, build, build.organisation)
    people_by_name = planner.named_plans()
    PeopleSeed(build, build.organisation).schedule(planner.plans)
    build.schedule(dates.at_nine(dates.founded), partial(changes.create_flows, build, people_by_name))
    changes.schedule_job_changes(build, people_by_name)
    endings.schedule_endings(build, people_by_name)
    rehires.schedule_first_leaving(build, people_by_name)
    pre_hires.schedule_pre_hires(build)
    build.schedule(now, partial(_publish, build, people_by_name))
    build.run(store)


def _create_organisation(build: DemoBuild, tx: Tx) -> None:
    build.organisation = OrganisationSeed(tx, build).create_all()
    changes.create_transfer_types(tx, build)


def _publish(build: DemoBuild, people_by_name: Mapping[str, PersonSeed], tx: Tx) -> None:
    """Create the apps, the named records and the tenant in one last command, so a company is complete or absent."""
    tenant_rows.delete_tenant_rows(tx)
    apps.create_apps(tx, build)
    server_key = sha256(f"demo company {build.seed}".encode()).hexdigest()
    changes.name_processes(tx, build, server_key)
    names = {name: plan.id for name, plan in people_by_name.items()}
    build.named_records["employments"] = dict(named_facts.employment_facts(tx, names, build.dates.today, server_key))
    rehires.add_facts(tx, build.named_records["employments"])
    named_facts.add_department_facts(tx, build.named_records, server_key)
    employment_forms.create_all(tx, build)
    demo_build.save(tx, build)
    tenants.create_tenant(
        tx,
        "Demo company",
        TIME_ZONE,
        tenant_key=server_key[:16],
        server_key=server_key,
        seed=str(build.seed),
        keep_world_clock=True,
    )
    skip_days(tx)
