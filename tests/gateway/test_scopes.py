"""Scopes: any one of a list is enough, and fields without their scope are hidden in responses and events."""

import pytest

from corehr.apps.scopes import FieldScopeFilter
from corehr.gateway.errors import PlatformError
from corehr.gateway.scopes import require_scope
from corehr.spec import loader
from tests.gateway.fake_api import FakeApi, new_app, operation

NESTED = operation(
    "toy.people.search",
    "GET /open-apis/toy/v1/people",
    response=[
        "items object[] scope:toy:people:read,toy:people:write",
        "items[].name string",
        "items[].phone string scope:toy:phone:read",
        "items[].jobs object[]",
        "items[].jobs[].pay int scope:toy:pay:read",
        "items[].jobs[].title string",
        "items[].boss object",
        "items[].boss.phone string scope:toy:phone:read",
        "total int",
    ],
).response


def people():
    return {
        "items": [
            {
                "name": "Ann",
                "phone": "1",
                "jobs": [{"pay": 1, "title": "a"}, {"pay": 2, "title": "b"}],
                "boss": {"phone": "2"},
            },
            {"name": "Bob", "jobs": [], "boss": None},
        ],
        "total": 2,
    }


def scope_set(*names: str) -> frozenset[str]:
    return frozenset(names)


@pytest.mark.parametrize("scopes", ["*", scope_set("toy:read"), scope_set("toy:write", "other")])
def test_one_of_the_scopes_is_enough(store, scopes):
    assert (
        FakeApi(store).call("GET /open-apis/toy/v1/notes/recent", app=new_app(store, scopes=scopes)).json["code"] == 0
    )


def test_without_any_the_error_names_the_scopes_that_would_do(store):
    api = FakeApi(store)
    app = new_app(store, scopes=scope_set("other"))
    got = api.call("GET /open-apis/toy/v1/notes/recent", app=app)
    url = f"https://open.feishu.cn/app/{app.app_id}/auth?q=toy:read,toy:write&op_from=openapi&token_type=tenant"
    assert got.status == 400
    assert got.json["code"] == 99991672
    assert got.json["msg"] == (
        "Access denied. One of the following scopes is required: [toy:read, toy:write]."
        f"应用尚未开通所需的应用身份权限：[toy:read, toy:write]，点击链接申请并开通任一权限即可：{url}"
    )
    error = got.json["error"]
    assert error["permission_violations"] == [
        {"type": "action_scope_required", "subject": "toy:read"},
        {"type": "action_scope_required", "subject": "toy:write"},
    ]
    assert error["message"].startswith("Refer to the documentation to fix the error: https://open.feishu.cn/document/")
    assert error["helps"][0]["url"] == url
    assert error["log_id"] == got.headers["X-Tt-Logid"]
    assert "应用尚未开通".encode() in got.body  # not escaped


def test_an_operation_without_scopes_is_open_to_every_app(store):
    require_scope(new_app(store, scopes=scope_set()), (), "unused")
    with pytest.raises(PlatformError):
        require_scope(new_app(store, scopes=scope_set()), ("toy:read",), "scope_is_missing")


def test_the_value_user_id_needs_its_own_scope(store):
    api = FakeApi(store)
    http = "GET /open-apis/toy/v1/notes/1?user_id_type=user_id"
    refused = api.call(http, app=new_app(store, scopes=scope_set("toy:read"))).json
    assert refused["code"] == 99991672
    assert "[contact:user.employee_id:readonly]" in refused["msg"]
    both = scope_set("toy:read", "contact:user.employee_id:readonly")
    assert api.call(http, app=new_app(store, scopes=both)).json["data"]["about"] == "ann"
    assert api.call("GET /open-apis/toy/v1/notes/1", app=new_app(store, scopes=scope_set("toy:read"))).json["code"] == 0


def test_all_scopes_hide_nothing():
    assert FieldScopeFilter(NESTED).apply("*", people()) == people()


def test_fields_without_their_scope_are_absent_at_every_depth():
    seen = FieldScopeFilter(NESTED).apply(scope_set("toy:people:read"), people())
    assert seen == {
        "items": [
            {"name": "Ann", "jobs": [{"title": "a"}, {"title": "b"}], "boss": {}},
            {"name": "Bob", "jobs": [], "boss": None},
        ],
        "total": 2,
    }


def test_any_of_a_fields_scopes_shows_it():
    scopes = scope_set("toy:people:write", "toy:phone:read", "toy:pay:read")
    assert FieldScopeFilter(NESTED).apply(scopes, people()) == people()


def test_a_hidden_parent_takes_its_members_along():
    assert FieldScopeFilter(NESTED).apply(scope_set("toy:phone:read"), people()) == {"total": 2}


def test_the_handlers_own_data_is_not_changed():
    data = people()
    FieldScopeFilter(NESTED).apply(scope_set("toy:people:read"), data)
    assert data == people()


def test_apps_that_differ_in_other_scopes_share_hidden_fields():
    field_filter = FieldScopeFilter(NESTED)
    field_filter.apply(scope_set("toy:people:read", "a"), people())
    field_filter.apply(scope_set("toy:people:read", "b"), people())
    assert len(field_filter._hidden_by_scopes) == 1


@pytest.mark.parametrize(
    ("scopes", "ids"),
    [
        (scope_set("corehr:offboarding:read"), {"union_id": "on_1", "open_id": "ou_1"}),
        (
            scope_set("contact:user.employee_id:readonly"),
            {"union_id": "on_1", "user_id": "e33ggbyz", "open_id": "ou_1"},
        ),
    ],
)
def test_an_event_names_the_user_id_to_apps_with_its_scope(scopes, ids):
    offboarding = loader.load().events["corehr.offboarding.status_updated_v2"]
    event_body = {"employment_id": "7", "status": 2}
    all_ids = {"union_id": "on_1", "user_id": "e33ggbyz", "open_id": "ou_1"}
    seen = FieldScopeFilter(offboarding.body).apply(scopes, {**event_body, "target_user_id": all_ids})
    assert seen == {**event_body, "target_user_id": ids}
