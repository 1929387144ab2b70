"""The official Node SDK, unmodified, against a real server: what its calls return, and what they throw."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server_process import Server, running_server
from tests.stores import skip_or_fail
from tests.world import APP_ALL, APP_NO_FIELD_SCOPES, APP_NO_SCOPES, APP_SECRETS, COREHR_ID_TYPES, TENANT_TOKEN_PATH

CORE = "people_corehr_id"
DRIVER = Path(__file__).parent / "node" / "driver.mjs"
SDK = Path(__file__).parents[1] / "node" / "node_modules" / "@larksuiteoapi" / "node-sdk"

CREATE = "corehr.v1.jobChange.create"
REVOKE = "corehr.v2.jobChange.revoke"
TASKS = "corehr.v2.approver.list"
ANSWER = "corehr.v2.processApprover.update"
JOB_DATA = "corehr.v2.employeesJobData.query"
EDIT_OFFBOARDING = "corehr.v2.offboarding.edit"
REVOKE_OFFBOARDING = "corehr.v2.offboarding.revoke"
WITHDRAW = "corehr.v2.preHire.withdrawOnboarding"
DEPARTMENTS = {"department_id_type": "people_corehr_department_id"}


class Thrown(Exception):
    """An error of the SDK; `status`, `headers` and `data` are those of the server's response, if there was one."""

    def __init__(self, details: dict[str, Any]) -> None:
        super().__init__(details["message"])
        self.name: str = details["name"]
        self.message: str = details["message"]
        self.status: int | None = details.get("status")
        self.headers: dict[str, str] = details.get("headers") or {}
        self.data: Any = details.get("data")


class Node:
    """One Node process. Its SDK caches one token per app id until the process ends."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(["node", DRIVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def concurrently(self, calls: list[dict[str, Any]]) -> list[Any]:
        """Make calls at the same time; return for each its response, or a Thrown."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(calls) + "\n")
        self.process.stdin.flush()
        responses = json.loads(self.process.stdout.readline())
        return [Thrown(r["thrown"]) if "thrown" in r else r.get("answer") for r in responses]

    def close(self) -> None:
        self.process.communicate()


class App:
    """One app's client of one server."""

    def __init__(self, node: Node, server: Server, app_id: str, secret: str | None = None) -> None:
        self._node = node
        self._credentials = {"domain": server.url, "app_id": app_id, "app_secret": secret or APP_SECRETS[app_id]}

    def request_for(self, call: str, **payload: Any) -> dict[str, Any]:
        return {**self._credentials, "call": call, "payload": payload}

    def __call__(self, call: str, **payload: Any) -> Any:
        """Return what the SDK's call returns; raises Thrown for an error of it."""
        (response,) = self.concurrently([self.request_for(call, **payload)])
        if isinstance(response, Thrown):
            raise response
        return response

    def concurrently(self, calls: list[dict[str, Any]]) -> list[Any]:
        return self._node.concurrently(calls)


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    if not shutil.which("node") or not SDK.exists():
        skip_or_fail("node", "Node.js or its SDK in tests/node was not found: run tools/ci-setup node")
    node = Node()
    yield node
    node.close()


@pytest.fixture
def sdk(node, server) -> App:
    return App(node, server, APP_ALL)


@pytest.fixture
def names(server):
    return server.sandbox("GET", "world")


def job_change_body(names, **body):
    return {
        "transfer_mode": 1,
        "employment_id": names["employments"]["active"]["open_id"],
        "transfer_type_unique_identifier": "internal_transfer",
        "effective_date": "2026-03-01",
        "transfer_info": {"target_department": names["departments"]["other"]["id"]},
    } | body


def create(sdk, names, **body):
    return sdk(CREATE, data=job_change_body(names, **body), params=DEPARTMENTS)


def with_approval(sdk, names, **body):
    flow = names["transfer_types"]["internal_transfer"]["flow_id"]
    return create(sdk, names, transfer_mode=2, flow_id=flow, **body)["data"]


def revoke(sdk, id, operator):
    return sdk(REVOKE, path={"job_change_id": id}, params={"user_id_type": CORE}, data={"operator_id": operator})


def job_data_as_of(sdk, employment_id, day):
    body = {"employment_ids": [employment_id], "data_date": day}
    return sdk(JOB_DATA, data=body, params={"page_size": 10, **COREHR_ID_TYPES})["data"]["items"][0]["job_datas"][0]


def logged_requests(server, path):
    """Return the requests that the server received at a path, oldest first."""
    return [r for r in server.sandbox("GET", "requests?limit=1000")["items"] if r["path"] == path]


def test_the_whole_path(server, sdk, names):
    """Created, found by its approvers, approved, taking effect, revoked: with the SDK alone."""
    active, other = names["employments"]["active"], names["departments"]["other"]["id"]
    change = with_approval(sdk, names)
    assert (change["status"], change["employment_id"]) == (0, active["open_id"])

    for _ in range(2):
        tasks = server.sandbox("GET", f"records/processes/{change['process_id']}")["tasks"]
        approver = next(t["approver"] for t in tasks if t["status"] == 1)
        listed = sdk(TASKS, params={"page_size": 100, "user_id": approver, "user_id_type": CORE, "approver_status": 1})
        task = next(t for t in listed["data"]["approver_list"] if t["process_id"] == change["process_id"])
        path = {"process_id": change["process_id"], "approver_id": task["approver_id"]}
        response = sdk(ANSWER, path=path, params={"user_id_type": CORE}, data={"status": 3, "user_id": approver})
        assert response["code"] == 0

    server.sandbox("POST", "clock/advance", {"days": 60})
    assert job_data_as_of(sdk, active["id"], "2026-02-28")["department_id"] == active["department"]
    assert job_data_as_of(sdk, active["id"], "2026-03-02")["department_id"] == other
    revoked = revoke(sdk, change["job_change_id"], names["employments"]["process_admin"]["id"])
    assert revoked == {"code": 0, "msg": "success", "data": {"result": True, "message": "成功"}}
    assert job_data_as_of(sdk, active["id"], "2026-03-02")["department_id"] == active["department"]


@pytest.mark.parametrize("id_type", ["open_id", "union_id", "user_id", "people_admin_id", CORE])
def test_every_user_id_type_goes_in_and_comes_out(sdk, names, id_type):
    id = names["employments"]["active"]["id" if id_type == CORE else id_type]
    response = sdk(
        CREATE, data=job_change_body(names, employment_id=id), params={"user_id_type": id_type, **DEPARTMENTS}
    )
    assert response["data"]["employment_id"] == id


def test_a_documented_error_is_thrown_with_its_response(sdk, names):
    with pytest.raises(Thrown) as error:
        create(sdk, names, employment_id=names["employments"]["leaver"]["open_id"])
    assert (error.value.name, error.value.message) == ("AxiosError", "Request failed with status code 400")
    assert (error.value.status, error.value.data["code"]) == (400, 1160201)
    assert error.value.data["msg"] == "Has pending offboarding"
    assert error.value.data["error"]["log_id"] == error.value.headers["x-tt-logid"]


def test_a_business_error_with_code_0_is_not_thrown(sdk, names):
    """Revoking a change with a flow without being process administrator: only `result` shows the error."""
    change = with_approval(sdk, names)["job_change_id"]
    response = revoke(sdk, change, names["employments"]["no_admin"]["id"])
    assert (response["code"], response["data"]["result"]) == (0, False)
    assert response["data"]["message"]


def test_an_unknown_path_is_thrown_with_plain_text(sdk):
    with pytest.raises(Thrown) as error:
        sdk("corehr.v2.preHire.transitTask", path={"pre_hire_id": "1"}, data={"task_id": "1"})
    assert (error.value.status, error.value.data) == (404, "404 page not found")


def test_an_app_without_scopes_receives_those_it_needs(node, server, names):
    with pytest.raises(Thrown) as error:
        create(App(node, server, APP_NO_SCOPES), names)
    assert (error.value.status, error.value.data["code"]) == (400, 99991672)
    subjects = [v["subject"] for v in error.value.data["error"]["permission_violations"]]
    assert subjects == ["corehr:corehr", "corehr:job_change:write"]


def test_a_get_that_carries_a_json_body_is_read_by_its_query(server, sdk, names):
    manager = names["employments"]["manager"]["open_id"]
    listed = sdk(TASKS, params={"page_size": 100, "user_id": manager})
    assert listed["code"] == 0
    request = logged_requests(server, "/open-apis/corehr/v2/approvers")[-1]
    assert (request["method"], request["body"]) == ("GET", {})


def test_the_iterator_follows_page_tokens_to_the_end(server, sdk, names):
    for employment in server.sandbox("POST", "world/employees", {"count": 3})["employments"].values():
        with_approval(sdk, names, employment_id=employment["open_id"])
    query = {"user_id": names["employments"]["manager"]["open_id"], "approver_status": 1}
    whole = sdk(TASKS, params={**query, "page_size": 100})["data"]["approver_list"]
    assert len(whole) >= 3
    pages = sdk("corehr.v2.approver.listWithIterator", params={**query, "page_size": 2})
    assert [len(page["approver_list"]) for page in pages[:-1]] == [2] * (len(pages) - 1)
    assert [task for page in pages for task in page["approver_list"]] == whole


def new_app_client(node, server, **body):
    created = server.sandbox("POST", "apps", body)
    return App(node, server, created["app_id"], created["app_secret"])


def test_one_token_serves_every_client_of_an_app_also_after_a_restart(node, own_server):
    """Each call has a client of its own; the SDK caches the token by app id and cannot replace it."""
    server, names = own_server, own_server.sandbox("GET", "world")
    sdk = new_app_client(node, server)
    active = names["employments"]["active"]["id"]
    before = [job_data_as_of(sdk, active, "2026-01-05") for _ in range(2)]
    assert len(logged_requests(server, TENANT_TOKEN_PATH)) == 1
    assert server.stop() == 0
    server.start()
    assert [job_data_as_of(sdk, active, "2026-01-05")] * 2 == before
    assert logged_requests(server, TENANT_TOKEN_PATH) == []


def test_a_wrong_secret_is_thrown_as_an_error_of_the_sdk(node, server):
    created = server.sandbox("POST", "apps", {})
    with pytest.raises(Thrown) as error:
        App(node, server, created["app_id"], "wrong")(WITHDRAW, data={})
    assert error.value.name == "Error"
    assert error.value.message.startswith("failed to get tenant_access_token, code: 10014, msg: ")


def test_nothing_is_requested_again_after_too_many_calls(node, db):
    with running_server(db, rate_limits=True) as server:
        sdk = new_app_client(node, server)
        path = {"job_change_id": "1"}
        calls = [sdk.request_for(REVOKE, path=path, data={"operator_id": "1"}) for _ in range(40)]
        sdk.concurrently(calls[:1])  # gets the token
        responses = sdk.concurrently(calls)
        assert all(isinstance(response, Thrown) for response in responses)
        limited = [response for response in responses if response.status == 429]
        assert limited
        assert limited[0].data["code"] == 99991400
        assert limited[0].headers["x-ogw-ratelimit-limit"] == "5"
        assert limited[0].headers["x-ogw-ratelimit-reset"] == "1"
        assert len(logged_requests(server, "/open-apis/corehr/v2/job_changes/1/revoke")) == 41


def test_another_last_day_of_a_leaver(server, sdk, names):
    id = names["offboardings"]["Approved"]["id"]
    update_data = [{"field_name": "offboarding_date", "value": "2026-02-20"}]
    response = sdk(EDIT_OFFBOARDING, data={"offboarding_id": id, "update_data": update_data})
    assert response == {"code": 0, "msg": "success", "data": {"data": update_data}}
    assert server.sandbox("GET", f"records/offboardings/{id}")["offboarding_date"] == "2026-02-20"
    with pytest.raises(Thrown) as error:
        sdk(EDIT_OFFBOARDING, data={"offboarding_id": "1", "update_data": update_data})
    assert (error.value.status, error.value.data["code"]) == (400, 1160625)


def test_an_offboarding_is_revoked_once(server, sdk, names):
    body = {"offboarding_id": names["offboardings"]["NoNeedApproval"]["id"]}
    responses = sdk.concurrently([sdk.request_for(REVOKE_OFFBOARDING, data=body) for _ in range(10)])
    errors = [response for response in responses if isinstance(response, Thrown)]
    assert [response for response in responses if response not in errors] == [{"code": 0, "msg": "success", "data": {}}]
    assert {error.data["code"] for error in errors} <= {1160202, 1160204}
    assert server.sandbox("GET", f"records/offboardings/{body['offboarding_id']}")["status"] == "Withdrawn"


def test_withdrawing_a_pre_hire(server, sdk, names):
    id = names["pre_hires"]["preboarding"]["id"]
    body = {"pre_hire_id": id, "withdraw_reason": "候选人主动放弃 \N{WAVING HAND SIGN}"}
    assert sdk(WITHDRAW, data=body) == {"code": 0, "msg": "success", "data": {"success": True}}
    assert server.sandbox("GET", f"records/pre_hires/{id}")["withdrawn_reason"] == body["withdraw_reason"]
    with pytest.raises(Thrown) as error:
        sdk(WITHDRAW, data=body)
    assert (error.value.status, error.value.data["code"]) == (400, 1161129)
    assert error.value.data["msg"] == 'Unable to submit this task as pre-hire is in the "Withdrawn" stage.'


def test_twenty_withdrawals_at_the_same_time(sdk, names):
    body = {"pre_hire_id": names["pre_hires"]["day_one"]["id"], "withdraw_reason": "why"}
    responses = sdk.concurrently([sdk.request_for(WITHDRAW, data=body) for _ in range(20)])
    errors = [response for response in responses if isinstance(response, Thrown)]
    assert len(errors) == 19
    assert {error.data["code"] for error in errors} <= {1161116, 1161129}


def test_pre_hires_out_of_range(node, server, names):
    body = {"pre_hire_id": names["pre_hires"]["preboarding"]["id"], "withdraw_reason": "why"}
    for app, code in (
        (App(node, server, APP_NO_FIELD_SCOPES), 1161105),
        (new_app_client(node, server, pre_hires="read"), 1161097),
    ):
        with pytest.raises(Thrown) as error:
            app(WITHDRAW, data=body)
        assert (error.value.status, error.value.data["code"]) == (400, code)
