"""The demo company: the same for one seed and instant, complete or absent, with all that its contract names."""

import json
import re
from collections import Counter
from datetime import datetime, timedelta

import pytest

from corehr import demo
from corehr.app import schema, tenants
from corehr.app.stores import open_store
from corehr.apps.registry import list_apps
from corehr.demo.apps import APPS, api_scopes_without_field_scopes
from corehr.engines.effective_dating import last_processed_days
from corehr.kernel import tenant_rows
from corehr.kernel.clock import Clock, to_timestamp
from corehr.kernel.errors import UsageError
from corehr.kernel.ids import TimeOrderedIds
from tests.world import APP_ALL, APP_NO_FIELD_SCOPES, APP_ONE_DEPARTMENT, World

REAL_TIME = {("app", "created_at"), ("tenant", "world_time_set_at")}

NAMES_BY_KIND = {
    "employments": "active active_2 manager top intern future_hire leaver left future_job_data fixed_end process_admin "
    "no_admin outside_range works_behind works_ahead rehired_before rehired two_employments two_employments_second",
    "departments": "root active other disabled disabled_next_month full",
    "locations": "work_city work_city_2 social_security_city disabled work_city_behind work_city_ahead",
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
    "employment_fields": "text multi_line url bool number enum multi_enum date date_time person attachment auto_number "
    "locked",
    "work_calendars": "standard other disabled",
}
FACTS_BY_KIND = {
    "employments": "id open_id union_id user_id people_admin_id onboarding_date direct_manager department job "
    "job_data_id",
    "departments": "id open_department_id department_id",
    "transfer_types": "id flow_id",
    "job_changes": "id employment_id process_id",
    "offboardings": "id employment_id offboarding_date",
    "processes": "id approver_id",
    "employment_fields": "id field_name options",
}


def prepare_demo(folder, name="demo", **options):
    url = f"sqlite:///{folder}/{name}.db"
    schema.upgrade(url)
    demo.prepare(url, **{"employees": 60, **options})
    return url


def all_rows(url):
    """Return every row by table, without the columns that hold real time."""
    store = open_store(url, Clock(), TimeOrderedIds())
    try:
        tables = store.command_sync("1", tenant_rows.read)
    finally:
        store.close()
    return {
        name: [{k: v for k, v in row.items() if (name, k) not in REAL_TIME} for row in table]
        for name, table in tables.items()
    }


# -- repeatable ---------------------------------------------------------------------------------------------------


def test_one_seed_and_one_moment_make_one_company(tmp_path):
    assert all_rows(prepare_demo(tmp_path, "a")) == all_rows(prepare_demo(tmp_path, "b"))


def test_another_seed_makes_another_company(tmp_path):
    assert (
        all_rows(prepare_demo(tmp_path, "a"))["employment"]
        != all_rows(prepare_demo(tmp_path, "b", seed=2))["employment"]
    )


def test_an_existing_company_is_unchanged(tmp_path):
    url = prepare_demo(tmp_path)
    before = all_rows(url)

    demo.prepare(url, employees=60)

    assert all_rows(url) == before


def test_another_seed_is_refused_on_an_existing_company(tmp_path):
    url = prepare_demo(tmp_path)

    with pytest.raises(UsageError, match="--seed 1"):
        demo.prepare(url, employees=60, seed=2)


def test_a_company_that_is_not_a_demo_is_refused(tmp_path):
    url = f"sqlite:///{tmp_path}/real.db"
    schema.upgrade(url)
    store = open_store(url, Clock(), TimeOrderedIds())
    store.command_sync("1", lambda tx: tenants.create_tenant(tx, "A company", "Asia/Shanghai"))
    store.close()

    with pytest.raises(UsageError, match="not a demo"):
        demo.prepare(url)


def test_too_few_people_are_refused(tmp_path):
    url = f"sqlite:///{tmp_path}/small.db"
    schema.upgrade(url)

    with pytest.raises(UsageError, match="--employees 60"):
        demo.prepare(url, employees=59)


def test_rows_of_an_interrupted_attempt_are_replaced(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path}/broken.db"
    schema.upgrade(url)
    with monkeypatch.context() as patch:
        patch.setattr(demo.endings, "_disable_soon", lambda build, tx: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            demo.prepare(url, employees=60)

    demo.prepare(url, employees=60)

    assert all_rows(url) == all_rows(prepare_demo(tmp_path, "whole"))


def test_nothing_was_recorded_later_than_now(tmp_path):
    now = datetime.fromisoformat("2026-01-05T09:00:00+08:00")
    tables = all_rows(prepare_demo(tmp_path, now=now))
    recorded = {
        row[column]
        for table in tables.values()
        for row in table
        for column in ("recorded_at", "superseded_at", "created_at", "updated_at", "answered_at", "completed_at")
        if row.get(column)
    }

    assert max(recorded) <= to_timestamp(now)
    assert min(recorded) < to_timestamp(now - timedelta(days=3650))


def test_events_are_in_order_of_time(tmp_path):
    events = sorted(all_rows(prepare_demo(tmp_path))["event"], key=lambda row: row["seq"])
    timestamps = [row["recorded_at"] for row in events]

    assert timestamps == sorted(timestamps)


# -- its contents --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", NAMES_BY_KIND)
def test_every_name_of_the_contract_has_its_facts(world, kind):
    assert set(NAMES_BY_KIND[kind].split()) <= world.named[kind].keys()
    for facts in world.named[kind].values():
        assert set(FACTS_BY_KIND.get(kind, "id").split()) <= facts.keys()


@pytest.mark.parametrize("employees", [60, 200])
def test_it_has_the_requested_number_of_employees_and_eight_reporting_levels(tmp_path, employees):
    tables = all_rows(prepare_demo(tmp_path, employees=employees))
    manager_of = {
        row["employment_id"]: row["manager_id"] for row in tables["reporting_line"] if row["line"].startswith("dir")
    }

    def level(id):
        return 1 + level(manager_of[id]) if id in manager_of else 1

    assert len(tables["employment"]) == employees
    assert max(map(level, manager_of)) == 8
    assert len({row["user_id"] for row in tables["employment"]}) == employees
    assert all(re.fullmatch("[a-z0-9]{8}", row["user_id"]) for row in tables["employment"])


def test_departments_have_four_levels(world):
    def depth(id):
        parent = world.sandbox("GET", f"records/departments/{id}")["version"]["body"]["parent_id"]
        return 1 + depth(parent) if parent else 1

    assert depth(world.named["departments"]["home"]["id"]) == 4
    assert depth(world.named["departments"]["root"]["id"]) == 1


def test_job_changes_have_the_status_of_their_name(world):
    for status in NAMES_BY_KIND["job_changes"].split():
        facts = world.named["job_changes"][status]
        record = world.sandbox("GET", f"records/job_changes/{facts['id']}")
        assert (record["status"], record["employment_id"]) == (status, facts["employment_id"])
        assert (record["process_id"] or "") == facts["process_id"]


def test_offboardings_have_the_status_of_their_name(world):
    """A name in capitals is a status; any other is that of an approved offboarding, which takes effect on its day."""
    statuses: Counter[str] = Counter()
    for name, facts in world.named["offboardings"].items():
        record = world.sandbox("GET", f"records/offboardings/{facts['id']}")
        statuses[record["status"]] += 1
        after_approval = "Offboarded" if facts["offboarding_date"] < world.today() else "Approved"
        assert record["status"] == (name if name[0].isupper() else after_approval)
        assert record["offboarding_date"] == facts["offboarding_date"]
        assert facts.get("edit_date") != facts["offboarding_date"]
    assert len(statuses) == 6


def test_a_process_waits_for_its_approver(world):
    waiting = world.named["processes"]["waiting"]

    assert waiting["approver_employment_id"] == world.employment("manager")["id"]
    assert world.pending_tasks(waiting["id"])[0]["approver_id"] == waiting["approver_id"]


def test_rehired_has_left_before_and_is_the_same_person(world):
    before, rehired = world.employment("rehired_before"), world.employment("rehired")
    offboarding = world.sandbox("GET", f"records/offboardings/{before['offboarding_id']}")
    first = world.sandbox("GET", f"records/employments/{before['id']}")

    assert (offboarding["status"], offboarding["employment_id"]) == ("Offboarded", before["id"])
    assert first["version"]["body"]["employment_status"] == "terminated"
    assert before["end_date"] == offboarding["offboarding_date"] < rehired["onboarding_date"]
    assert (rehired["rehire_employment_id"], before["rehired_as"]) == (before["id"], rehired["id"])
    assert (rehired["name"], rehired["end_date"]) == (before["name"], None)


def test_two_employments_run_at_the_same_time_in_two_time_zones(world):
    first, second = world.employment("two_employments"), world.employment("two_employments_second")
    locations = {facts["id"]: facts.get("zone") for facts in world.named["locations"].values()}

    assert (first["other_employment_id"], second["other_employment_id"]) == (second["id"], first["id"])
    assert first["name"] == second["name"]
    assert (first["end_date"], second["end_date"]) == (None, None)
    assert locations[second["work_location"]] == "America/New_York"
    assert first["department"] != second["department"]
    assert first["service_company"] != second["service_company"]


def test_days_begin_where_people_work_behind_and_ahead_of_the_company(world):
    zones = {}
    for name in ("active", "works_behind", "works_ahead"):
        location = world.sandbox("GET", f"records/locations/{world.employment(name)['work_location']}")
        zones[name] = location["version"]["body"]["zone"]

    assert zones == {"active": "Asia/Shanghai", "works_behind": "America/New_York", "works_ahead": "Pacific/Auckland"}
    assert set(zones.values()) <= world.in_transaction(last_processed_days).keys()


def test_manager_manages_active_and_top_has_no_manager(world):
    assert world.employment("active")["direct_manager"] == world.employment("manager")["id"]
    assert world.employment("top")["direct_manager"] is None


def test_a_family_and_a_level_have_no_common_pathway(world):
    family, level = world.named["job_families"]["active"], world.named["job_levels"]["other"]

    assert family["disjoint_level"] == level["id"]
    assert not set(family["pathway_ids"]) & set(level["pathway_ids"])


# -- its apps ------------------------------------------------------------------------------------------------------


def test_an_open_id_belongs_to_one_app(world):
    for app_id in (APP_ALL, APP_NO_FIELD_SCOPES):
        body = {"employment_ids": [world.employment("active")["open_ids"][app_id]]}
        response = world.call("POST", "/open-apis/corehr/v2/employees/job_datas/query", body, app=APP_ALL, page_size=10)
        assert response.code == (0 if app_id == APP_ALL else 99992361)


def test_the_part_app_sees_active_and_not_outside_range(world):
    def query_as_part(name):
        body = {"employment_ids": [world.employment(name)["id"]]}
        query = {"page_size": 10, "user_id_type": "people_corehr_id"}
        return world.call(
            "POST", "/open-apis/corehr/v2/employees/job_datas/query", body, app=APP_ONE_DEPARTMENT, **query
        )

    assert query_as_part("active").data["items"]
    assert query_as_part("outside_range").code == 1160023


def test_the_narrow_app_may_call_everything_and_see_no_field_of_its_own_scope(world):
    apps = {app.app_id: app for app in world.in_transaction(list_apps)}
    narrow, spec = apps[APP_NO_FIELD_SCOPES], world.installation.spec
    field_scopes = {scope for operation in spec.operations.values() for scope in operation.field_scopes}
    forced = {o.scopes[0] for o in spec.operations.values() if o.scopes and set(o.scopes) <= field_scopes}

    assert set(apps) == set(APPS)
    assert all(narrow.has_any_scope(operation.scopes) for operation in spec.operations.values())
    assert narrow.scopes == api_scopes_without_field_scopes(spec)
    assert not narrow.scopes & (field_scopes - forced)
    assert not narrow.data_range.everyone
    assert not narrow.data_range.departments


# -- its banner -----------------------------------------------------------------------------------------------------


def banner_calls(world: World):
    """Return the banner and the bodies of its two calls."""
    text = demo.banner(world.installation.store, world.installation.tenant, "http://127.0.0.1:8321")
    return text, [json.loads(body) for body in re.findall("-d '(.*?)'", text)]


def test_the_banner_has_credentials_and_calls_that_work(world):
    text, (credentials, job_change_body) = banner_calls(world)
    token = world.request("POST", "/open-apis/auth/v3/tenant_access_token/internal", credentials).json
    headers = {"authorization": f"Bearer {token['tenant_access_token']}"}

    response = world.request("POST", "/open-apis/corehr/v1/job_changes", job_change_body, headers=headers)

    assert response.data["status"] == 2
    assert credentials["app_id"] in text
    assert all(len(line) < 300 for line in text.splitlines())


def test_the_banner_of_a_resumed_company_works_as_well(world):
    for _ in range(2):
        _, (_, job_change_body) = banner_calls(world)
        assert world.call("POST", "/open-apis/corehr/v1/job_changes", job_change_body).data["status"] == 2
