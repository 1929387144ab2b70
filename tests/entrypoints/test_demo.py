"""The demo company: the same each time, whole or not there, and everything in it that the contract names."""

import json
import re
from collections import Counter
from datetime import datetime, timedelta

import pytest

from corehr.entrypoints import demo, schema, tenants
from corehr.entrypoints.demo import rows
from corehr.entrypoints.demo.apps import APPS, without_field_scopes
from corehr.gateway.apps import list_apps
from corehr.kernel.clock import Clock, to_timestamp
from corehr.kernel.ids import TimeOrderedIds
from corehr.kernel.settings import UsageError, open_store
from tests.world import ALL, NARROW, PART, World

REAL_TIME = {("app", "created_at"), ("tenant", "world_set_at")}

NAMED = {
    "employments": "active active_2 manager top intern future_hire leaver left future_job_data fixed_end process_admin "
    "no_admin outside_range",
    "departments": "root active other disabled disabled_next_month full",
    "locations": "work_city work_city_2 social_security_city disabled",
    "companies": "active other disabled",
    "jobs": "active other disabled matching mismatching",
    "job_families": "active other disabled",
    "job_levels": "active other disabled",
    "job_grades": "active other disabled",
    "employee_types": "active other disabled",
    "working_hours_types": "active other disabled",
    "cost_centers": "leaf leaf_2 parent disabled disabled_next_month future",
    "transfer_types": "internal_transfer promotion system_only",
    "job_changes": "Approving Approved Transformed Rejected Cancelled NoNeedApproval",
    "offboardings": "Approving Approved NoNeedApproval Offboarded Rejected Withdrawn contract_closed contract_future "
    "contract_ended contract_starts_later fixed_term probation_later after_job_change approving_change "
    "department_closing under_modification under_withdrawal",
    "processes": "waiting",
}
FACTS = {
    "employments": "id open_id union_id user_id people_admin_id onboarding_date direct_manager department job "
    "job_data_id",
    "departments": "id open_department_id department_id",
    "transfer_types": "id flow_id",
    "job_changes": "id employment_id process_id",
    "offboardings": "id employment_id offboarding_date",
    "processes": "id approver_id",
}


def prepared(folder, name="demo", **options):
    url = f"sqlite:///{folder}/{name}.db"
    schema.upgrade(url)
    demo.prepare(url, **{"employees": 60, **options})
    return url


def contents(url):
    """Every row, but for what holds real time."""
    store = open_store(url, Clock(), TimeOrderedIds())
    try:
        tables = store.command_sync("1", rows.read)
    finally:
        store.close()
    return {
        name: [{k: v for k, v in row.items() if (name, k) not in REAL_TIME} for row in table]
        for name, table in tables.items()
    }


# -- the same each time --------------------------------------------------------------------------------------------


def test_one_seed_and_one_moment_make_one_company(tmp_path):
    assert contents(prepared(tmp_path, "a")) == contents(prepared(tmp_path, "b"))


def test_another_seed_makes_another_company(tmp_path):
    assert contents(prepared(tmp_path, "a"))["employment"] != contents(prepared(tmp_path, "b", seed=2))["employment"]


def test_a_company_that_is_there_is_left_as_it_is(tmp_path):
    url = prepared(tmp_path)
    before = contents(url)

    demo.prepare(url, employees=60)

    assert contents(url) == before


def test_another_seed_is_refused_on_a_company_that_is_there(tmp_path):
    url = prepared(tmp_path)

    with pytest.raises(UsageError, match="--seed 1"):
        demo.prepare(url, employees=60, seed=2)


def test_a_company_that_is_no_demo_is_refused(tmp_path):
    url = f"sqlite:///{tmp_path}/real.db"
    schema.upgrade(url)
    store = open_store(url, Clock(), TimeOrderedIds())
    store.command_sync("1", lambda tx: tenants.create_tenant(tx, "A company", "Asia/Shanghai"))
    store.close()

    with pytest.raises(UsageError, match="no demo"):
        demo.prepare(url)


def test_too_few_people_are_refused(tmp_path):
    url = f"sqlite:///{tmp_path}/small.db"
    schema.upgrade(url)

    with pytest.raises(UsageError, match="--employees 60"):
        demo.prepare(url, employees=59)


def test_what_an_interrupted_attempt_left_behind_does_not_matter(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path}/broken.db"
    schema.upgrade(url)
    with monkeypatch.context() as broken:
        broken.setattr(demo.departures, "_disable_soon", lambda company, tx: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            demo.prepare(url, employees=60)

    demo.prepare(url, employees=60)

    assert contents(url) == contents(prepared(tmp_path, "whole"))


def test_nothing_was_recorded_later_than_now(tmp_path):
    now = datetime.fromisoformat("2026-01-05T09:00:00+08:00")
    tables = contents(prepared(tmp_path, now=now))
    recorded = {
        row[column]
        for table in tables.values()
        for row in table
        for column in ("recorded_at", "superseded_at", "at", "created_at", "updated_at", "answered_at", "completed_at")
        if row.get(column)
    }

    assert max(recorded) <= to_timestamp(now)
    assert min(recorded) < to_timestamp(now - timedelta(days=3650))


def test_events_are_in_order_of_time(tmp_path):
    moments = [row["at"] for row in sorted(contents(prepared(tmp_path))["event"], key=lambda row: row["seq"])]

    assert moments == sorted(moments)


# -- what is in it -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", NAMED)
def test_every_name_of_the_contract_is_there_with_its_facts(world, kind):
    assert set(NAMED[kind].split()) <= world.names[kind].keys()
    for facts in world.names[kind].values():
        assert set(FACTS.get(kind, "id").split()) <= facts.keys()


@pytest.mark.parametrize("people", [60, 200])
def test_it_has_as_many_people_as_were_asked_for_and_lines_eight_deep(tmp_path, people):
    tables = contents(prepared(tmp_path, employees=people))
    above = {
        row["employment_id"]: row["manager_id"] for row in tables["reporting_line"] if row["line"].startswith("dir")
    }

    def level(id):
        return 1 + level(above[id]) if id in above else 1

    assert len(tables["employment"]) == people
    assert max(map(level, above)) == 8
    assert len({row["user_id"] for row in tables["employment"]}) == people
    assert all(re.fullmatch("[a-z0-9]{8}", row["user_id"]) for row in tables["employment"])


def test_departments_are_four_deep(world):
    def depth(id):
        parent = world.sandbox("GET", f"records/departments/{id}")["version"]["body"]["parent_id"]
        return 1 + depth(parent) if parent else 1

    assert depth(world.names["departments"]["home"]["id"]) == 4
    assert depth(world.names["departments"]["root"]["id"]) == 1


def test_job_changes_stand_as_their_names_say(world):
    for status in NAMED["job_changes"].split():
        named = world.names["job_changes"][status]
        shown = world.sandbox("GET", f"records/job_changes/{named['id']}")
        assert (shown["status"], shown["employment_id"]) == (status, named["employment_id"])
        assert (shown["process_id"] or "") == named["process_id"]


def test_offboardings_stand_as_their_names_say(world):
    statuses: Counter[str] = Counter()
    for name, named in world.names["offboardings"].items():
        shown = world.sandbox("GET", f"records/offboardings/{named['id']}")
        statuses[shown["status"]] += 1
        assert shown["status"] == (name if name[0].isupper() else "Approved")
        assert shown["offboarding_date"] == named["offboarding_date"]
        assert ("edit_date" in named) == name[0].islower()
    assert len(statuses) == 6


def test_somebody_waits_for_an_answer(world):
    waiting = world.names["processes"]["waiting"]

    assert waiting["approver_employment_id"] == world.person("manager")["id"]
    assert world.open_tasks(waiting["id"])[0]["approver_id"] == waiting["approver_id"]


def test_the_manager_manages_active_and_top_nobody_above(world):
    assert world.person("active")["direct_manager"] == world.person("manager")["id"]
    assert world.person("top")["direct_manager"] is None


def test_a_family_and_a_level_share_no_pathway(world):
    family, level = world.names["job_families"]["active"], world.names["job_levels"]["other"]

    assert family["disjoint_level"] == level["id"]
    assert not set(family["pathway_ids"]) & set(level["pathway_ids"])


# -- its apps ------------------------------------------------------------------------------------------------------


def test_an_open_id_belongs_to_one_app(world):
    for app_id in (ALL, NARROW):
        asked = {"employment_ids": [world.person("active")["open_ids"][app_id]]}
        answer = world.call("POST", "/open-apis/corehr/v2/employees/job_datas/query", asked, app=ALL, page_size=10)
        assert bool(answer.data["items"]) == (app_id == ALL)


def test_the_part_app_sees_active_and_not_outside_range(world):
    def seen(name):
        asked = {"employment_ids": [world.person(name)["id"]]}
        query = {"page_size": 10, "user_id_type": "people_corehr_id"}
        return world.call("POST", "/open-apis/corehr/v2/employees/job_datas/query", asked, app=PART, **query)

    assert seen("active").data["items"]
    assert seen("outside_range").code == 1160023


def test_the_narrow_app_may_call_everything_and_see_no_field_of_its_own_scope(world):
    apps = {app.app_id: app for app in world.tell(list_apps)}
    narrow, spec = apps[NARROW], world.house.spec
    shown = {scope for operation in spec.operations.values() for scope in operation.field_scopes}
    forced = {o.scopes[0] for o in spec.operations.values() if o.scopes and set(o.scopes) <= shown}

    assert set(apps) == set(APPS)
    assert all(narrow.has_any_scope(operation.scopes) for operation in spec.operations.values())
    assert narrow.scopes == without_field_scopes(spec)
    assert not narrow.scopes & (shown - forced)
    assert not narrow.data_range.everyone
    assert not narrow.data_range.departments


# -- what it says of itself ----------------------------------------------------------------------------------------


def said_to(world: World):
    """The bodies in the banner's two calls."""
    text = demo.banner(world.house, "http://127.0.0.1:8321")
    return text, [json.loads(body) for body in re.findall("-d '(.*?)'", text)]


def test_the_banner_names_an_app_and_calls_that_work(world):
    text, (credentials, asked) = said_to(world)
    token = world.request("POST", "/open-apis/auth/v3/tenant_access_token/internal", credentials).json
    headers = {"authorization": f"Bearer {token['tenant_access_token']}"}

    answer = world.request("POST", "/open-apis/corehr/v1/job_changes", asked, headers=headers)

    assert answer.data["status"] == 2
    assert credentials["app_id"] in text
    assert all(len(line) < 300 for line in text.splitlines())


def test_the_banner_of_a_resumed_company_works_as_well(world):
    for _ in range(2):
        _, (_, asked) = said_to(world)
        assert world.call("POST", "/open-apis/corehr/v1/job_changes", asked).data["status"] == 2
