"""The life cycle of a job change, through the API."""

from tests.world import APP_ALL, CREATE_JOB_CHANGE_PATH

STATUS_EVENT = "corehr.job_change.status_updated_v2"


def create_promotion_in_january(world):
    """A promotion to another department with a new manager, effective 1 March, that two people have to approve."""
    active, flow = world.employment("active"), world.named["transfer_types"]["promotion"]
    body = {
        "transfer_mode": 2,
        "employment_id": active["open_id"],
        "transfer_type_unique_identifier": flow["id"],
        "flow_id": flow["flow_id"],
        "effective_date": "2026-03-01",
        "transfer_info": {
            "remark": "she has led the team since autumn",
            "original_department": active["department"],
            "target_department": world.named["departments"]["other"]["id"],
            "target_direct_manager": world.employment("top")["id"],
            "target_contract_number": "C-2026-7",
            "target_employment_change": {"seniority_date": "2020-01-01"},
        },
    }
    return world.call("POST", CREATE_JOB_CHANGE_PATH, body)


def test_created_approved_taking_effect_and_revoked(world):
    active = world.employment("active")
    before = world.job_data(active["id"], "2026-03-02")
    created = create_promotion_in_january(world).data
    change = created["job_change_id"]
    assert (created["status"], created["employment_id"]) == (0, active["open_id"])
    assert created["transfer_info"]["original_department"] == active["department"]

    # two approvers, each found through the API and acting under their own id
    for _ in range(2):
        (task,) = world.pending_tasks(created["process_id"])
        approver = task["approver"]
        approver_tasks = world.call(
            "GET", "/open-apis/corehr/v2/approvers",
            page_size=100, user_id=approver, user_id_type="people_corehr_id", approver_status=1,
        ).data["approver_list"]  # fmt: skip
        assert task["approver_id"] in [t["approver_id"] for t in approver_tasks]
        path = f"/open-apis/corehr/v2/processes/{created['process_id']}/approvers/{task['approver_id']}"
        world.call("PUT", path, {"status": 3, "user_id": approver}, user_id_type="people_corehr_id").assert_ok()
    assert world.pending_tasks(created["process_id"]) == []

    def statuses():
        return [e["event"]["status"] for e in world.events(STATUS_EVENT) if e["subject"] == change]

    assert statuses() == [1, 4]
    assert world.job_data(active["id"], "2026-03-02") == before
    known_in_february = "2026-02-10T00:00:00+08:00"
    world.advance(days=60)
    assert world.today() == "2026-03-06"

    assert statuses() == [1, 4, 5]
    assert world.job_data(active["id"], "2026-02-28")["department_id"] == active["department"]
    after = world.job_data(active["id"], "2026-03-02")
    assert after["department_id"] == world.named["departments"]["other"]["id"]
    assert after["direct_manager"]["employment_id"] == world.employment("top")["id"]
    assert after["assignment_start_reason"]["enum_name"] == "job_change"
    record = f"records/job_datas/{active['job_data_id']}"
    in_february = world.sandbox("GET", record, on="2026-03-02", known=known_in_february)
    effect = [e for e in world.events(STATUS_EVENT) if e["subject"] == change][-1]
    assert effect["create_time"] == "1772294400000"  # midnight of 1 March in Shanghai

    assert world.revoke(change).data == {"result": True, "message": "成功"}
    assert statuses() == [1, 4, 5, 2]
    assert world.job_data(active["id"], "2026-03-02") == before
    row = world.sandbox("GET", f"records/job_changes/{change}")
    assert row["status"] == "Cancelled"
    assert row["revoked_by"] == world.employment("process_admin")["id"]
    assert row["revoked_at"] > "2026-03-05T16:00"
    assert world.sandbox("GET", record, on="2026-03-02", known=known_in_february) == in_february


def test_everything_a_change_touched_is_as_before_after_it_was_revoked(world):
    active = world.employment("active")
    kinds = {"job_datas": active["job_data_id"], "employments": active["id"]}

    def bodies_by_kind():
        records = {kind: world.sandbox("GET", f"records/{kind}/{id}") for kind, id in kinds.items()}
        return {kind: [(v["valid_from"], v["body"]) for v in record["versions"]] for kind, record in records.items()}

    before = bodies_by_kind()
    info = {
        "target_department": world.named["departments"]["other"]["id"],
        "target_company": world.named["companies"]["other"]["id"],
        "target_contract_end_date": "2031-12-31",
        "target_probation_end_date": "2026-09-30",
        "probation_exist": True,
        "target_employment_change": {"employee_number": "E777"},
    }
    change = world.create_job_change(active["id"], info).data
    assert change["status"] == 2
    assert bodies_by_kind() != before
    assert world.revoke(change["job_change_id"]).data["result"] is True
    assert bodies_by_kind() == before


def test_a_direct_change_of_tomorrow_waits_for_midnight_where_the_person_works(world):
    active = world.employment("active")
    info = {"target_department": world.named["departments"]["other"]["id"]}
    change = world.create_job_change(active["id"], info, effective_date="2026-01-06").data
    assert change["status"] == 5
    world.sandbox("PUT", "clock", {"now": "2026-01-05T23:59:00+08:00"})
    assert world.sandbox("GET", f"records/job_changes/{change['job_change_id']}")["status"] == "NoNeedApproval"
    world.advance(minutes=2)
    assert world.sandbox("GET", f"records/job_changes/{change['job_change_id']}")["status"] == "Transformed"


def test_a_rejected_change_never_takes_effect(world):
    created = create_promotion_in_january(world).data
    world.approve(created["process_id"], approve=False)
    world.advance(days=90)
    statuses = [e["event"]["status"] for e in world.events(STATUS_EVENT) if e["subject"] == created["job_change_id"]]
    assert statuses == [1, 3]
    department = world.job_data(world.employment("active")["id"], world.today())["department_id"]
    assert department == world.employment("active")["department"]


def test_revoked_while_it_waits_for_its_approvers(world):
    created = create_promotion_in_january(world).data
    assert world.revoke(created["job_change_id"], app=APP_ALL).data["result"] is True
    assert world.sandbox("GET", f"records/processes/{created['process_id']}")["status"] == 4
    assert world.pending_tasks(created["process_id"]) == []
    world.advance(days=90)
    assert (
        world.job_data(world.employment("active")["id"], world.today())["department_id"]
        == (world.employment("active")["department"])
    )


def test_changes_of_one_person_are_revoked_in_any_order(world):
    """Three changes, the oldest revoked first: the others stay, without the values they had only inherited."""
    active = world.employment("active")
    other, job = world.named["departments"]["other"]["id"], world.named["jobs"]["other"]["id"]
    first = world.create_job_change(active["id"], {"target_department": other}, effective_date="2026-01-05").data
    second = world.create_job_change(active["id"], {"target_job": job}, effective_date="2026-01-05").data
    world.advance(days=10)
    third = world.create_job_change(active["id"], {"target_weekly_working_hours": "32"}).data
    world.revoke(first["job_change_id"]).assert_ok()
    now = world.job_data(active["id"], world.today())
    assert (now["department_id"], now["job_id"], now["weekly_working_hours"]) == (active["department"], job, 32)
    world.revoke(third["job_change_id"]).assert_ok()
    world.revoke(second["job_change_id"]).assert_ok()
    now = world.job_data(active["id"], world.today())
    assert (now["department_id"], now["job_id"]) == (active["department"], active["job"])
