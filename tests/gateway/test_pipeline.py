"""The request pipeline: which step refuses, what the response is, and what is committed."""

import asyncio
import logging
import re

import pytest

from corehr.apps.handlers import Call
from corehr.gateway.exchange import Exchange
from corehr.kernel.errors import INVALID_FIELD, BusinessError, GatewayReason
from tests.gateway import fake_api
from tests.gateway.fake_api import ANN, CREATE, GET, RECENT, FakeApi, new_app

POST = "POST /open-apis/toy/v1/notes?user_id_type=people_corehr_id"
NOTE = {"employment_id": ANN}
LIST = "GET /open-apis/toy/v1/notes/recent"


def raising(error: BaseException):
    def handler(tx, call):
        fake_api.create(tx, call)
        raise error

    return handler


def notes(api: FakeApi) -> int:
    return len(api.call(LIST).json["data"]["items"])


# ---------------------------------------------------------------------------------------------------- responses


def test_a_success_has_code_message_and_data(api):
    got = api.call(POST, {"employment_id": ANN, "text": "你好"})
    assert got.status == 200
    assert list(got.json) == ["code", "msg", "data"]
    assert (got.json["code"], got.json["msg"]) == (0, "success")
    assert "你好".encode() in got.body
    assert notes(api) == 1


@pytest.mark.parametrize("http", [POST, "GET /nowhere", "POST /open-apis/auth/v3/app_access_token/internal"])
def test_every_response_has_a_log_id(api, http):
    got = api.call(http, {})
    assert re.fullmatch(r"\d{14}[0-9A-F]{20}", got.headers["X-Tt-Logid"])
    assert got.headers["X-Request-Id"] == got.headers["X-Tt-Logid"]
    assert got.headers["content-length"] == str(len(got.body))
    assert got.headers["X-Tt-Logid"] != api.call(http, {}).headers["X-Tt-Logid"]


@pytest.mark.parametrize(
    ("request_id", "echoed"),
    [("7f3a-ok", True), ("x" * 128, True), ("x" * 129, False), ("", False), ("a b", False), ("é", False)],
)
def test_a_printable_request_id_is_echoed(api, request_id, echoed):
    got = api.call(LIST, headers={"x-request-id": request_id})
    assert got.headers["X-Request-Id"] == (request_id if echoed else got.headers["X-Tt-Logid"])


# ------------------------------------------------------------------------------------------------------- routes


@pytest.mark.parametrize(
    "http",
    [
        "GET /",
        "GET /open-apis/toy/v1/notes",
        "PUT /open-apis/toy/v1/notes/recent",
        "HEAD /open-apis/toy/v1/notes/recent",
        "OPTIONS /open-apis/toy/v1/notes/recent",
        "GET /open-apis/toy/v1/notes/recent/",
        "GET /open-apis/toy/v1/notes/",
        "GET /open-apis/toy/v1/notes/1/2",
        "DELETE /open-apis/toy/v1/notes/1",  # an operation without a handler
    ],
)
def test_unknown_paths_and_methods(api, http):
    got = api.call(http)
    assert (got.status, got.body, got.headers["Content-Type"]) == (404, b"404 page not found", "text/plain")


def test_a_fixed_segment_goes_before_a_parameter(api):
    assert "items" in api.call(LIST).json["data"]
    assert api.call("GET /open-apis/toy/v1/notes/recently").json["data"]["note_id"] == "recently"


def test_a_fixed_path_without_a_handler_is_not_taken_for_a_parameter(api):
    without = FakeApi(api.store, queries={GET.id: fake_api.get})
    assert without.call(LIST).status == 404


def test_path_parameters_are_decoded(api):
    assert api.call("GET /open-apis/toy/v1/notes/a%2Fb%20%E4%BD%A0").json["data"]["note_id"] == "a/b 你"


def test_query_parameters_are_decoded(api):
    assert api.call(f"{LIST}?user_id_type=%E4%BD%A0&x&=&a=b=c").json["code"] == 0
    refused = api.call("GET /open-apis/toy/v1/notes/1?user_id_type=open%5Fid+").json
    assert refused["error"]["field_violations"][0]["value"] == "open_id "
    assert api.call("GET /open-apis/toy/v1/notes/1?user_id_type=open%5Fid").json["code"] == 0


# ------------------------------------------------------------------------------------------------------- errors


def test_a_store_app_is_refused_by_a_custom_operation(api):
    store_app = new_app(api.store, type="store")
    refused = api.call(POST, NOTE, app=store_app)
    assert (refused.status, refused.json["code"], refused.json["msg"]) == (400, 99991673, "unauthorized app")
    assert api.call(LIST, app=store_app).json["code"] == 0


def test_the_order_of_the_steps(store):
    """Each request fails one step later than the one before."""
    api = FakeApi(store, limits=True)
    without_scopes = new_app(store, scopes=frozenset())
    store_app = new_app(store, scopes=frozenset(), type="store")
    narrow = new_app(store, scopes=frozenset({"toy:read"}))
    codes: list[int] = []
    bad, http = b"{", POST.replace("people_corehr_id", "user_id")

    codes.append(api.call("POST /x", bad, token="t-x").status)
    codes.append(api.call(http, bad, token="t-x").json["code"])
    codes.append(api.call(http, bad, app=store_app).json["code"])
    codes.append(api.call(http, bad, app=without_scopes).json["code"])
    codes.append(api.call(http, bad, app=narrow).json["code"])
    codes.append(api.call(http, NOTE, app=narrow).json["code"])
    codes.append(api.call(POST, NOTE, app=narrow).json["code"])
    assert codes == [404, 99991663, 99991673, 99991672, 9499, 99991672, 0]


def test_too_many_calls(store):
    api = FakeApi(store, limits=True)
    responses = [api.call(POST, b"{") for _ in range(51)]  # an invalid request counts, one over the limit does not
    assert {got.json["code"] for got in responses[:50]} == {9499}
    last = responses[-1]
    assert last.status == 429
    assert (last.json["code"], last.json["msg"]) == (99991400, "request trigger frequency limit")
    assert (last.headers["x-ogw-ratelimit-limit"], last.headers["x-ogw-ratelimit-reset"]) == ("50", "1")
    assert "x-ogw-ratelimit-limit" not in responses[0].headers
    assert api.call(POST, NOTE, app=new_app(store)).json["code"] == 0
    assert api.call(LIST).json["code"] == 0


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", 99992402),
        (b"{}", 99992402),
        (b"{", 9499),
        (b"nonsense", 9499),
        (b"[]", 9499),
        (b"\xff\xfe", 9499),
        (b'{"employment_id": 7}', 9499),
        (b'{"employment_id": "7", "size": "3"}', 9499),
        (b'{"employment_id": "7", "size": 11}', 99992402),
        (b'{"employment_id": "7", "text": "' + b"x" * 5001 + b'"}', 99992402),
        (b'{"employment_id": "7", "text": "a\\u0000"}', 99992402),
        (b'{"employment_id": "7", "more": {"a\\u0000": 1}}', 0),  # unknown members are ignored
        (b'{"employment_id": "7", "text": "\\\\u0000"}', 0),
        (b'{"employment_id": "7", "text": null, "unknown": [1]}', 0),
        (b'{"employment_id": "7", "size": {"a": 1}}', 9499),
        (b'{"employment_id":"7","text":"' + b"x" * (10 * 2**20) + b'"}', 99992402),
    ],
)
def test_bodies(api, body, code):
    got = api.call(POST, body)
    assert (got.status, got.json["code"]) == (400 if code else 200, code)
    if code == 99992402:
        assert got.json["msg"] == "field validation failed"
        assert got.json["error"]["field_violations"]
    assert notes(api) == (code == 0)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"employment_id": ' + b'{"a":' * 100_000, b'{"x":' * 2_000])
def test_bodies_nested_beyond_reason(api, body):
    assert api.call(POST, body).json["code"] in (9499, 99992402)
    assert api.call(LIST).json["code"] == 0


def test_a_nul_is_refused_wherever_it_stands(api):
    assert api.call("GET /open-apis/toy/v1/notes/a%00").json["error"]["field_violations"][0]["field"] == "note_id"
    assert api.call("GET /open-apis/toy/v1/notes/a?user_id_type=%00").json["code"] == 99992402


def test_a_body_may_come_in_parts_and_of_any_content_type(api):
    parts = [b'{"employm', b"", b'ent_id": "7"}']
    assert api.call(POST, parts=parts).json["code"] == 0
    assert api.call(POST, NOTE, headers={"content-type": "text/csv"}).json["code"] == 0
    assert api.call(LIST, b"{").json["code"] == 0


def test_a_body_without_end_is_not_read_to_its_end(api):
    megabyte = b"x" * 2**20
    got = api.call(POST, parts=[megabyte] * 200)
    assert got.json["error"]["field_violations"] == [{"field": "body", "description": "the max len is 10485760"}]


def test_a_client_that_disconnects_gets_no_response(api):
    messages = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]

    async def receive():
        return messages.pop(0)

    async def send(message):
        raise AssertionError(message)

    path = POST.split(" ")[1].partition("?")[0]
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {api.token()}".encode())],
    }
    asyncio.run(api.asgi(scope, receive, send))


# --------------------------------------------------------------------------------------------- handlers and errors


def test_a_business_error_has_the_status_and_the_message_of_its_operation(api):
    error = BusinessError(CREATE.id, 1161129, "is_in_a_stage", message_params={"label": "Preboarding"})
    got = FakeApi(api.store, commands={CREATE.id: raising(error)}).call(POST, NOTE)
    assert (got.status, got.json["code"]) == (400, 1161129)
    assert got.json["msg"] == 'Unable to submit this task as pre-hire is in the "Preboarding" stage.'
    assert got.json["error"]["log_id"] == got.headers["X-Tt-Logid"]
    assert got.json["error"]["troubleshooter"].endswith(
        f"search?from=openapi&log_id={got.headers['X-Tt-Logid']}&code=1161129&method_id=toy.note.create"
    )
    assert list(got.json) == ["code", "msg", "error"]
    assert notes(api) == 0


def test_an_invalid_field_has_its_violations(api):
    violations = [{"field": "text", "value": "x", "description": "text is odd"}]
    error = BusinessError(CREATE.id, INVALID_FIELD, "text_is_odd", field_violations=violations)
    got = FakeApi(api.store, commands={CREATE.id: raising(error)}).call(POST, NOTE)
    assert (got.status, got.json["code"], got.json["msg"]) == (400, INVALID_FIELD, "field validation failed")
    assert got.json["error"]["field_violations"] == violations


def test_an_exception_is_logged_and_not_disclosed(api, caplog):
    failing = FakeApi(api.store, commands={CREATE.id: raising(ZeroDivisionError("secret text"))})
    with caplog.at_level(logging.ERROR):
        got = failing.call(POST, NOTE)
    assert (got.status, got.json["code"], got.json["msg"]) == (500, 2200, "Internal Server Error")
    assert b"secret text" not in got.body
    assert "secret text" in caplog.text
    assert got.headers["X-Tt-Logid"] in caplog.text
    assert notes(api) == 0


def test_an_operations_own_code_for_an_internal_error(api):
    gateway_codes = {CREATE.id: {GatewayReason.INTERNAL_ERROR: 1160103}}
    got = FakeApi(api.store, commands={CREATE.id: raising(KeyError("x"))}, gateway_codes=gateway_codes).call(POST, NOTE)
    assert (got.status, got.json["code"]) == (500, 1160103)
    assert got.json["msg"] == "general internal server error code"


def test_an_undocumented_error_code_is_an_internal_error(api, caplog):
    got = FakeApi(api.store, commands={CREATE.id: raising(BusinessError(CREATE.id, 1234567, "made_up"))}).call(
        POST, NOTE
    )
    assert (got.status, got.json["code"]) == (500, 2200)
    assert "made_up" in caplog.text


def test_an_operations_own_code_for_what_is_malformed(api):
    own = FakeApi(api.store, gateway_codes={CREATE.id: {GatewayReason.MALFORMED: 1160001}})
    got = own.call(POST, {})
    assert (got.status, got.json["code"], got.json["msg"]) == (400, 1160001, "param is invalid")
    assert own.call(POST, b"{").json["code"] == 9499
    assert own.call(POST, b"x" * (10 * 2**20 + 1)).json["code"] == INVALID_FIELD


def test_a_response_that_cannot_be_encoded_is_not_committed(api):
    def unencodable(tx, call):
        fake_api.create(tx, call)
        return {"odd": object()}

    assert FakeApi(api.store, commands={CREATE.id: unencodable}).call(POST, NOTE).status == 500
    assert notes(api) == 0


def test_queries_only_read(api):
    assert FakeApi(api.store, queries={RECENT.id: fake_api.create}).call(LIST).status == 500


def test_the_handler_receives_the_calling_app(api):
    calls: list[Call] = []

    def record(tx, call):
        calls.append(call)
        return {}

    recording = FakeApi(api.store, commands={CREATE.id: record})
    app = new_app(api.store, data_range=["5"])
    recording.call(POST, {"employment_id": "7", "unknown": 1}, app=app)
    [call] = calls
    assert (call.operation.id, call.app_id, call.body) == (CREATE.id, app.app_id, {"employment_id": "7"})
    assert (call.data_range.everyone, call.data_range.departments) == (False, frozenset({"5"}))
    assert call.query["user_id_type"] == "people_corehr_id"


def test_days_that_have_begun_are_processed_before_anything_else(api):
    order: list[str] = []

    async def catch_up(tenant: str) -> None:
        order.append(f"days of {tenant}")

    def create(tx, call):
        order.append("command")
        return fake_api.create(tx, call)

    slow = FakeApi(api.store, commands={CREATE.id: create}, catch_up=catch_up)
    slow.call(POST, NOTE)
    slow.call(POST, {})
    assert order == ["days of 1", "command"]
    slow.call(LIST)
    assert order[2:] == ["days of 1"]


# ---------------------------------------------------------------------------------------------------- the hook


class RecordingHook:
    """A request hook that records exchanges and steps, and runs the functions a test gives it."""

    def __init__(self, before_transaction=None, in_transaction=None) -> None:
        self.seen: list[Exchange] = []
        self.steps: list[str] = []
        self._before_transaction, self._in_transaction = before_transaction, in_transaction

    async def before_transaction(self, exchange: Exchange) -> None:
        self.steps.append("before_transaction")
        if self._before_transaction:
            self._before_transaction(exchange)

    def in_transaction(self, exchange: Exchange) -> None:
        self.steps.append("in_transaction")
        if self._in_transaction:
            self._in_transaction(exchange)

    def after_response(self, exchange: Exchange) -> None:
        self.steps.append("after_response")
        self.seen.append(exchange)


def test_a_hook_sees_every_exchange(api):
    hook = RecordingHook()
    hooked = FakeApi(api.store, hook=hook)
    hooked.call(POST, NOTE)
    hooked.call(POST, {})
    hooked.call(POST, NOTE, token="t-x")
    hooked.call("GET /nowhere")
    hooked.call("POST /open-apis/auth/v3/tenant_access_token/internal", {})
    path = POST.split(" ")[1].partition("?")[0]
    mine = hooked.app.app_id
    assert [
        (
            exchange.method,
            exchange.path,
            exchange.operation,
            exchange.app_id,
            exchange.status,
            exchange.code,
            exchange.refused_by,
        )
        for exchange in hook.seen
    ] == [
        ("POST", path, CREATE.id, mine, 200, 0, None),
        ("POST", path, CREATE.id, mine, 400, 99992402, "request_is_malformed"),
        ("POST", path, CREATE.id, None, 400, 99991663, "token_is_invalid"),
        ("GET", "/nowhere", None, None, 404, 0, "path_is_unknown"),
        (
            "POST",
            "/open-apis/auth/v3/tenant_access_token/internal",
            "auth.v3.tenant_access_token.internal",
            None,
            200,
            10003,
            "credentials_are_malformed",
        ),
    ]
    assert hook.steps == ["before_transaction", "in_transaction", *["after_response"] * 5]
    assert hook.seen[0].request_body == b'{"employment_id": "7000000000000000001"}'
    assert hook.seen[0].response_body.startswith(b'{"code":0,')
    assert len(hook.seen[0].log_id) == 34


def test_a_hook_may_refuse_before_anything_is_done(api):
    def refuse(exchange):
        raise BusinessError(exchange.operation, 1160103, "fault")

    hook = RecordingHook(before_transaction=refuse)
    got = FakeApi(api.store, hook=hook).call(POST, NOTE)
    assert (got.status, got.json["code"]) == (500, 1160103)
    assert hook.seen[0].refused_by == "fault"
    assert notes(api) == 0


def test_a_fault_may_be_the_platforms_own(api):
    def refuse(exchange):
        raise BusinessError(exchange.operation, 99991400, "fault")

    got = FakeApi(api.store, hook=RecordingHook(before_transaction=refuse)).call(POST, NOTE)
    assert got.status == 429
    assert (got.headers["x-ogw-ratelimit-limit"], got.headers["x-ogw-ratelimit-reset"]) == ("1000", "1")


def test_a_hook_may_refuse_while_locks_are_held(api):
    def refuse(exchange):
        raise BusinessError(exchange.operation, 1160103, "fault")

    assert FakeApi(api.store, hook=RecordingHook(in_transaction=refuse)).call(POST, NOTE).json["code"] == 1160103
    assert notes(api) == 0


def test_a_dropped_response_leaves_what_was_done(api):
    def drop(exchange):
        exchange.interruption = "drop"

    with pytest.raises(ConnectionResetError):
        FakeApi(api.store, hook=RecordingHook(before_transaction=drop)).call(POST, NOTE)
    assert notes(api) == 1
