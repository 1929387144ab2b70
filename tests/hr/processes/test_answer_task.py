"""Answering an approval task, and listing tasks: every documented error, and its nearest allowed request."""

import pytest

from tests.world import APP_NO_FIELD_SCOPES, APP_ONE_DEPARTMENT, COREHR_ID_TYPES

TASKS = "/open-apis/corehr/v2/approvers"
CORE = "people_corehr_id"
UNKNOWN_ID = "7999999999999999999"


@pytest.fixture
def waiting(world):
    """A process that waits for the manager of `active`: its id, the pending task and its approver."""
    person, flow = world.employment("active"), world.named["transfer_types"]["internal_transfer"]["flow_id"]
    info = {"target_department": world.named["departments"]["other"]["id"]}
    job_change = world.create_job_change(
        person["id"], info, transfer_mode=2, flow_id=flow, effective_date="2026-03-01"
    ).data
    (task,) = world.pending_tasks(job_change["process_id"])
    return job_change["process_id"], task["approver_id"], task["approver"]


def answer_task(world, process, task, **body):
    path = f"/open-apis/corehr/v2/processes/{process}/approvers/{task}"
    return world.call("PUT", path, body, user_id_type=CORE)


@pytest.mark.parametrize(
    ("body", "code", "status", "message"),
    [
        ({"status": 1}, 1161002, 400, "参数非法"),
        ({"status": "3"}, 1161002, 400, "参数非法"),
        ({}, 1161002, 400, "参数非法"),
        ({"status": 3}, 1161002, 400, "参数非法"),
        ({"status": 2, "by_approver": True}, 1161002, 400, "参数非法"),
        ({"status": 2, "by_approver": True, "reason": "  "}, 1161002, 400, "参数非法"),
        ({"status": 3, "user_id": UNKNOWN_ID}, 1161003, 403, "无权限"),
        ({"status": 3, "by_another": True}, 1161003, 403, "无权限"),
    ],
)
def test_refused_with_nothing_changed_and_then_answered(world, waiting, body, code, status, message):
    process, task, approver = waiting
    request_body = {k: v for k, v in body.items() if k in ("status", "user_id", "reason")}
    if "by_approver" in body:
        request_body["user_id"] = approver
    if "by_another" in body:
        request_body["user_id"] = world.employment("active")["id"]
    before = world.fingerprint()
    assert answer_task(world, process, task, **request_body).error() == (status, code, message)
    assert world.fingerprint() == before
    answer_task(world, process, task, status=3, user_id=approver).assert_ok()


@pytest.mark.parametrize("wrong", ["process", "task", "both"])
def test_an_unknown_process_or_task(world, waiting, wrong):
    process, task, approver = waiting
    ids = (UNKNOWN_ID if wrong != "task" else process, UNKNOWN_ID if wrong != "process" else task)
    assert answer_task(world, *ids, status=3, user_id=approver).error() == (400, 1161002, "参数非法")


@pytest.mark.parametrize("app", [APP_NO_FIELD_SCOPES, APP_ONE_DEPARTMENT])
@pytest.mark.parametrize("as_system", [True, False])
def test_an_app_decides_only_about_employees_in_its_data_range(world, app, as_system):
    """The first app has an empty range; `active` is in the department of the second, `outside_range` is not."""
    flow = world.named["transfer_types"]["internal_transfer"]["flow_id"]
    info = {"target_department": world.named["departments"]["other"]["id"]}

    def answer(name):
        change = world.create_job_change(
            world.employment(name)["id"], info, transfer_mode=2, flow_id=flow, effective_date="2026-03-01"
        ).data
        (task,) = world.pending_tasks(change["process_id"])
        path = f"/open-apis/corehr/v2/processes/{change['process_id']}/approvers/{task['approver_id']}"
        who = {"system_approval": True} if as_system else {"user_id": task["approver"]}
        before = world.fingerprint()
        response = world.call("PUT", path, {"status": 3, **who}, user_id_type=CORE, app=app)
        assert (world.fingerprint() == before) is (response.json["code"] != 0)
        return response.json["code"], path, who

    code, path, who = answer("outside_range")
    assert code == 1161003
    assert answer("active")[0] == (0 if app == APP_ONE_DEPARTMENT else 1161003)
    # what is unknown stays so, and who sees everybody still decides
    assert world.call("PUT", f"{path}0", {"status": 3, **who}, user_id_type=CORE, app=app).code == 1161002
    world.call("PUT", path, {"status": 3, **who}, user_id_type=CORE).assert_ok()


def test_the_data_range_does_not_limit_the_list_of_tasks(world, waiting):
    """The page says so: `此功能不受数据权限范围控制`."""
    process, task, approver = waiting
    query = {"page_size": 100, "user_id": approver, "user_id_type": CORE, "approver_status": 1}
    everything = world.call("GET", TASKS, **query).data
    assert {"approver_id": task, "process_id": process, "approver_status": 1} in everything["approver_list"]
    assert world.call("GET", TASKS, **query, app=APP_NO_FIELD_SCOPES).data == everything


def test_a_task_of_a_later_node_is_not_assigned_yet(world, waiting):
    process, _, _ = waiting
    later = next(t for t in world.sandbox("GET", f"records/processes/{process}")["tasks"] if t["status"] == 0)
    assert answer_task(world, process, later["approver_id"], status=3, user_id=later["approver"]).code == 1161002


def test_an_answered_task_is_not_answered_again(world, waiting):
    process, task, approver = waiting
    answer_task(world, process, task, status=3, user_id=approver).assert_ok()
    assert answer_task(world, process, task, status=3, user_id=approver).error() == (400, 1161001, "审批已被处理")


def test_a_task_of_a_process_that_is_over(world, waiting):
    process, task, approver = waiting
    record = world.sandbox("GET", f"records/processes/{process}")
    world.revoke(record["subject_id"]).assert_ok()
    assert answer_task(world, process, task, status=3, user_id=approver).error() == (400, 1161005, "审批状态已更新")


def test_a_reason_of_1000_characters_and_of_1001(world, waiting):
    process, task, approver = waiting
    assert answer_task(world, process, task, status=2, user_id=approver, reason="长" * 1001).code == 99992402
    answer_task(world, process, task, status=2, user_id=approver, reason="长" * 1000).assert_ok()


def test_a_form_that_is_not_accepted_is_shown_by_a_fault(world, waiting):
    process, task, approver = waiting
    world.sandbox("PUT", "faults", [{"operation": "v2.process-approver.update", "code": 1161004, "times": 1}])
    assert answer_task(world, process, task, status=3, user_id=approver).error() == (400, 1161004, "自动提交表单失败")
    answer_task(world, process, task, status=3, user_id=approver).assert_ok()


def test_the_system_answers_for_any_approver(world, waiting):
    process, task, approver = waiting

    def tasks():
        query = {"page_size": 100, "user_id": approver, "user_id_type": CORE}
        return {t["approver_id"] for t in world.call("GET", TASKS, **query).data["approver_list"]}

    assert task in tasks()
    assert answer_task(world, process, task, status=3, system_approval=True).data == {"code": 0, "msg": "success"}
    assert task not in tasks()  # the page: its approver sees it no more


def test_tasks_by_status_and_page(world, waiting):
    process, task, approver = waiting
    query = {"page_size": 100, "user_id": approver, "user_id_type": CORE}
    todo = world.call("GET", TASKS, **query, approver_status=1).data["approver_list"]
    assert {"approver_id": task, "process_id": process, "approver_status": 1} in todo
    answer_task(world, process, task, status=3, user_id=approver).assert_ok()
    done = world.call("GET", TASKS, **query, approver_status=3).data["approver_list"]
    assert {"approver_id": task, "process_id": process, "approver_status": 3} in done
    whole = world.call("GET", TASKS, **query).data["approver_list"]
    first = world.call("GET", TASKS, **(query | {"page_size": 1})).data
    assert (first["has_more"], first["page_token"], first["approver_list"]) == (True, "2", whole[:1])


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ({"user_id": UNKNOWN_ID}, 1160001, "Failed to obtain tenant IDs and user IDs"),
        ({"user_id": ""}, 1160001, "Failed to obtain tenant IDs and user IDs"),
        ({"page_token": "0"}, 1160101, "Illegal parameter"),
        ({"page_token": "x"}, 1160101, "Illegal parameter"),
        ({"approver_status": 99}, 1160121, "List type does not exist"),
        ({"approver_status": "done"}, 1160121, "List type does not exist"),
    ],
)
def test_an_invalid_task_list_query(world, query, code, message):
    whole = {"page_size": 10, "user_id": world.employment("manager")["id"], "user_id_type": CORE}
    assert world.call("GET", TASKS, **(whole | query)).error() == (400, code, message)
    world.call("GET", TASKS, **whole, page_token="1", approver_status=12).assert_ok()


def test_a_page_of_more_than_a_hundred(world):
    query = {"user_id": world.employment("manager")["id"], **COREHR_ID_TYPES}
    assert world.call("GET", TASKS, page_size=101, **query).code == 99992402
    world.call("GET", TASKS, page_size=100, **query).assert_ok()
