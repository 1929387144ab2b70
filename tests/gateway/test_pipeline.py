"""The life of a request: who is refused where, what is answered, what is left behind."""

import asyncio
import logging
import re

import pytest

from corehr.gateway.pipeline import Exchange
from corehr.kernel.errors import INVALID_FIELD, BusinessError, GatewayReason
from corehr.kernel.feature import Call
from tests.gateway import toys
from tests.gateway.toys import ANN, CREATE, GET, RECENT, Toy, new_app

POST = "POST /open-apis/toy/v1/notes?user_id_type=people_corehr_id"
NOTE = {"employment_id": ANN}
LIST = "GET /open-apis/toy/v1/notes/recent"


def raising(error: BaseException):
    def handler(tx, call):
        toys.create(tx, call)
        raise error

    return handler


def notes(toy: Toy) -> int:
    return len(toy.ask(LIST).json["data"]["items"])


# ------------------------------------------------------------------------------------------------------ answers


def test_a_success_is_an_envelope(toy):
    got = toy.ask(POST, {"employment_id": ANN, "text": "你好"})
    assert got.status == 200
    assert list(got.json) == ["code", "msg", "data"]
    assert (got.json["code"], got.json["msg"]) == (0, "success")
    assert "你好".encode() in got.body
    assert notes(toy) == 1


@pytest.mark.parametrize("http", [POST, "GET /nowhere", "POST /open-apis/auth/v3/app_access_token/internal"])
def test_every_answer_says_how_to_speak_of_it(toy, http):
    got = toy.ask(http, {})
    assert re.fullmatch(r"\d{14}[0-9A-F]{20}", got.headers["X-Tt-Logid"])
    assert got.headers["X-Request-Id"] == got.headers["X-Tt-Logid"]
    assert got.headers["content-length"] == str(len(got.body))
    assert got.headers["X-Tt-Logid"] != toy.ask(http, {}).headers["X-Tt-Logid"]


@pytest.mark.parametrize(
    ("given", "echoed"),
    [("7f3a-ok", True), ("x" * 128, True), ("x" * 129, False), ("", False), ("a b", False), ("é", False)],
)
def test_a_sane_request_id_is_echoed(toy, given, echoed):
    got = toy.ask(LIST, headers={"x-request-id": given})
    assert got.headers["X-Request-Id"] == (given if echoed else got.headers["X-Tt-Logid"])


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
        "DELETE /open-apis/toy/v1/notes/1",  # an operation nobody has built
    ],
)
def test_unknown_paths_and_methods(toy, http):
    got = toy.ask(http)
    assert (got.status, got.body, got.headers["Content-Type"]) == (404, b"404 page not found", "text/plain")


def test_a_fixed_segment_goes_before_a_parameter(toy):
    assert "items" in toy.ask(LIST).json["data"]
    assert toy.ask("GET /open-apis/toy/v1/notes/recently").json["data"]["note_id"] == "recently"


def test_a_fixed_path_that_nobody_built_is_not_taken_for_a_parameter(toy):
    without = Toy(toy.store, queries={GET.id: toys.get})
    assert without.ask(LIST).status == 404


def test_path_parameters_are_decoded(toy):
    assert toy.ask("GET /open-apis/toy/v1/notes/a%2Fb%20%E4%BD%A0").json["data"]["note_id"] == "a/b 你"


def test_query_parameters_are_decoded(toy):
    assert toy.ask(f"{LIST}?user_id_type=%E4%BD%A0&x&=&a=b=c").json["code"] == 0
    refused = toy.ask("GET /open-apis/toy/v1/notes/1?user_id_type=open%5Fid+").json
    assert refused["error"]["field_violations"][0]["value"] == "open_id "
    assert toy.ask("GET /open-apis/toy/v1/notes/1?user_id_type=open%5Fid").json["code"] == 0


# ----------------------------------------------------------------------------------------------------- refusals


def test_a_store_app_is_kept_out_of_a_custom_operation(toy):
    shop = new_app(toy.store, type="store")
    refused = toy.ask(POST, NOTE, app=shop)
    assert (refused.status, refused.json["code"], refused.json["msg"]) == (400, 99991673, "unauthorized app")
    assert toy.ask(LIST, app=shop).json["code"] == 0


def test_the_order_of_the_steps(store):
    """Each request breaks one step less than the one before."""
    toy = Toy(store, limits=True)
    hollow = new_app(store, scopes=frozenset())
    shop = new_app(store, scopes=frozenset(), type="store")
    narrow = new_app(store, scopes=frozenset({"toy:read"}))
    told: list[int] = []
    bad, asked = b"{", POST.replace("people_corehr_id", "user_id")

    told.append(toy.ask("POST /x", bad, token="t-x").status)
    told.append(toy.ask(asked, bad, token="t-x").json["code"])
    told.append(toy.ask(asked, bad, app=shop).json["code"])
    told.append(toy.ask(asked, bad, app=hollow).json["code"])
    told.append(toy.ask(asked, bad, app=narrow).json["code"])
    told.append(toy.ask(asked, NOTE, app=narrow).json["code"])
    told.append(toy.ask(POST, NOTE, app=narrow).json["code"])
    assert told == [404, 99991663, 99991673, 99991672, 9499, 99991672, 0]


def test_too_many_calls(store):
    toy = Toy(store, limits=True)
    answers = [toy.ask(POST, b"{") for _ in range(51)]  # a request out of shape counts, one over the limit does not
    assert {got.json["code"] for got in answers[:50]} == {9499}
    last = answers[-1]
    assert last.status == 429
    assert (last.json["code"], last.json["msg"]) == (99991400, "request trigger frequency limit")
    assert (last.headers["x-ogw-ratelimit-limit"], last.headers["x-ogw-ratelimit-reset"]) == ("50", "1")
    assert "x-ogw-ratelimit-limit" not in answers[0].headers
    assert toy.ask(POST, NOTE, app=new_app(store)).json["code"] == 0
    assert toy.ask(LIST).json["code"] == 0


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
        (b'{"employment_id": "7", "more": {"a\\u0000": 1}}', 0),  # unknown members are not looked at
        (b'{"employment_id": "7", "text": "\\\\u0000"}', 0),
        (b'{"employment_id": "7", "text": null, "unknown": [1]}', 0),
        (b'{"employment_id": "7", "size": {"a": 1}}', 9499),
        (b'{"employment_id":"7","text":"' + b"x" * (10 * 2**20) + b'"}', 99992402),
    ],
)
def test_bodies(toy, body, code):
    got = toy.ask(POST, body)
    assert (got.status, got.json["code"]) == (400 if code else 200, code)
    if code == 99992402:
        assert got.json["msg"] == "field validation failed"
        assert got.json["error"]["field_violations"]
    assert notes(toy) == (code == 0)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"employment_id": ' + b'{"a":' * 100_000, b'{"x":' * 2_000])
def test_bodies_nested_beyond_reason(toy, body):
    assert toy.ask(POST, body).json["code"] in (9499, 99992402)
    assert toy.ask(LIST).json["code"] == 0


def test_a_nul_is_refused_wherever_it_stands(toy):
    assert toy.ask("GET /open-apis/toy/v1/notes/a%00").json["error"]["field_violations"][0]["field"] == "note_id"
    assert toy.ask("GET /open-apis/toy/v1/notes/a?user_id_type=%00").json["code"] == 99992402


def test_a_body_may_come_in_parts_and_nothing_is_asked_of_its_type(toy):
    parts = [b'{"employm', b"", b'ent_id": "7"}']
    assert toy.ask(POST, parts=parts).json["code"] == 0
    assert toy.ask(POST, NOTE, headers={"content-type": "text/csv"}).json["code"] == 0
    assert toy.ask(LIST, b"{").json["code"] == 0


def test_a_body_without_end_is_not_read_to_its_end(toy):
    megabyte = b"x" * 2**20
    got = toy.ask(POST, parts=[megabyte] * 200)
    assert got.json["error"]["field_violations"] == [{"field": "body", "description": "the max len is 10485760"}]


def test_a_client_that_goes_away_is_not_answered(toy):
    waiting = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]

    async def receive():
        return waiting.pop(0)

    async def send(message):
        raise AssertionError(message)

    path = POST.split(" ")[1].partition("?")[0]
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": []}
    asyncio.run(toy.gateway(scope, receive, send))


# ----------------------------------------------------------------------------------------- what the handler says


def test_a_refusal_has_the_status_and_the_sentence_of_its_operation(toy):
    no = BusinessError(CREATE.id, 1161129, "is_in_a_stage", message_params={"label": "Preboarding"})
    got = Toy(toy.store, commands={CREATE.id: raising(no)}).ask(POST, NOTE)
    assert (got.status, got.json["code"]) == (400, 1161129)
    assert got.json["msg"] == 'Unable to submit this task as pre-hire is in the "Preboarding" stage.'
    assert got.json["error"]["log_id"] == got.headers["X-Tt-Logid"]
    assert got.json["error"]["troubleshooter"].endswith(
        f"search?from=openapi&log_id={got.headers['X-Tt-Logid']}&code=1161129&method_id=toy.note.create"
    )
    assert list(got.json) == ["code", "msg", "error"]
    assert notes(toy) == 0


def test_an_invalid_field_has_its_violations(toy):
    violations = [{"field": "text", "value": "x", "description": "text is odd"}]
    no = BusinessError(CREATE.id, INVALID_FIELD, "text_is_odd", field_violations=violations)
    got = Toy(toy.store, commands={CREATE.id: raising(no)}).ask(POST, NOTE)
    assert (got.status, got.json["code"], got.json["msg"]) == (400, INVALID_FIELD, "field validation failed")
    assert got.json["error"]["field_violations"] == violations


def test_what_breaks_is_logged_and_not_told(toy, caplog):
    broken = Toy(toy.store, commands={CREATE.id: raising(ZeroDivisionError("secret words"))})
    with caplog.at_level(logging.ERROR):
        got = broken.ask(POST, NOTE)
    assert (got.status, got.json["code"], got.json["msg"]) == (500, 2200, "Internal Server Error")
    assert b"secret words" not in got.body
    assert "secret words" in caplog.text
    assert got.headers["X-Tt-Logid"] in caplog.text
    assert notes(toy) == 0


def test_an_operations_own_code_for_what_breaks(toy):
    reasons = {CREATE.id: {GatewayReason.INTERNAL_ERROR: 1160103}}
    got = Toy(toy.store, commands={CREATE.id: raising(KeyError("x"))}, reasons=reasons).ask(POST, NOTE)
    assert (got.status, got.json["code"]) == (500, 1160103)
    assert got.json["msg"] == "general internal server error code"


def test_an_undocumented_refusal_is_a_failure_of_ours(toy, caplog):
    got = Toy(toy.store, commands={CREATE.id: raising(BusinessError(CREATE.id, 1234567, "made_up"))}).ask(POST, NOTE)
    assert (got.status, got.json["code"]) == (500, 2200)
    assert "made_up" in caplog.text


def test_an_operations_own_code_for_what_is_malformed(toy):
    own = Toy(toy.store, reasons={CREATE.id: {GatewayReason.MALFORMED: 1160001}})
    got = own.ask(POST, {})
    assert (got.status, got.json["code"], got.json["msg"]) == (400, 1160001, "param is invalid")
    assert own.ask(POST, b"{").json["code"] == 9499
    assert own.ask(POST, b"x" * (10 * 2**20 + 1)).json["code"] == INVALID_FIELD


def test_an_answer_that_cannot_be_written_is_not_committed(toy):
    def unwritable(tx, call):
        toys.create(tx, call)
        return {"odd": object()}

    assert Toy(toy.store, commands={CREATE.id: unwritable}).ask(POST, NOTE).status == 500
    assert notes(toy) == 0


def test_queries_only_read(toy):
    assert Toy(toy.store, queries={RECENT.id: toys.create}).ask(LIST).status == 500


def test_the_handler_is_told_who_asks(toy):
    heard: list[Call] = []

    def listen(tx, call):
        heard.append(call)
        return {}

    asking = Toy(toy.store, commands={CREATE.id: listen})
    app = new_app(toy.store, data_range=["5"])
    asking.ask(POST, {"employment_id": "7", "unknown": 1}, app=app)
    [call] = heard
    assert (call.operation, call.app_id, call.body) == (CREATE.id, app.app_id, {"employment_id": "7"})
    assert (call.data_range.everyone, call.data_range.departments) == (False, frozenset({"5"}))
    assert call.query["user_id_type"] == "people_corehr_id"


def test_days_that_have_begun_are_lived_before_anything_else(toy):
    order: list[str] = []

    async def caught_up(tenant: str) -> None:
        order.append(f"days of {tenant}")

    def create(tx, call):
        order.append("command")
        return toys.create(tx, call)

    slow = Toy(toy.store, commands={CREATE.id: create}, caught_up=caught_up)
    slow.ask(POST, NOTE)
    slow.ask(POST, {})
    assert order == ["days of 1", "command"]
    slow.ask(LIST)
    assert order[2:] == ["days of 1"]


# ------------------------------------------------------------------------------------------------------- a watch


class Watching:
    """Writes down what it sees; does what the test gives it to do."""

    def __init__(self, before=None, holding=None) -> None:
        self.seen: list[Exchange] = []
        self.steps: list[str] = []
        self._before, self._holding = before, holding

    async def before(self, exchange: Exchange) -> None:
        self.steps.append("before")
        if self._before:
            self._before(exchange)

    def holding(self, exchange: Exchange) -> None:
        self.steps.append("holding")
        if self._holding:
            self._holding(exchange)

    def after(self, exchange: Exchange) -> None:
        self.steps.append("after")
        self.seen.append(exchange)


def test_a_watch_sees_every_exchange(toy):
    watch = Watching()
    watched = Toy(toy.store, watch=watch)
    watched.ask(POST, NOTE)
    watched.ask(POST, {})
    watched.ask(POST, NOTE, token="t-x")
    watched.ask("GET /nowhere")
    watched.ask("POST /open-apis/auth/v3/tenant_access_token/internal", {})
    path = POST.split(" ")[1].partition("?")[0]
    mine = watched.app.app_id
    assert [(x.method, x.path, x.operation, x.app_id, x.status, x.code, x.rule) for x in watch.seen] == [
        ("POST", path, CREATE.id, mine, 200, 0, None),
        ("POST", path, CREATE.id, mine, 400, 99992402, "request_is_malformed"),
        ("POST", path, CREATE.id, None, 400, 99991663, "token_is_invalid"),
        ("GET", "/nowhere", None, None, 404, 0, "path_is_unknown"),
        (
            "POST",
            "/open-apis/auth/v3/tenant_access_token/internal",
            None,
            None,
            200,
            10003,
            "credentials_are_malformed",
        ),
    ]
    assert watch.steps == ["before", "holding", *["after"] * 5]
    assert watch.seen[0].body == b'{"employment_id": "7000000000000000001"}'
    assert watch.seen[0].answer.startswith(b'{"code":0,')
    assert len(watch.seen[0].log_id) == 34


def test_a_watch_may_refuse_before_anything_is_done(toy):
    def no(exchange):
        raise BusinessError(exchange.operation, 1160103, "fault")

    watch = Watching(before=no)
    got = Toy(toy.store, watch=watch).ask(POST, NOTE)
    assert (got.status, got.json["code"]) == (500, 1160103)
    assert watch.seen[0].rule == "fault"
    assert notes(toy) == 0


def test_a_fault_may_be_the_platforms_own(toy):
    def no(exchange):
        raise BusinessError(exchange.operation, 99991400, "fault")

    got = Toy(toy.store, watch=Watching(before=no)).ask(POST, NOTE)
    assert got.status == 429
    assert (got.headers["x-ogw-ratelimit-limit"], got.headers["x-ogw-ratelimit-reset"]) == ("1000", "1")


def test_a_watch_may_refuse_while_locks_are_held(toy):
    def no(exchange):
        raise BusinessError(exchange.operation, 1160103, "fault")

    assert Toy(toy.store, watch=Watching(holding=no)).ask(POST, NOTE).json["code"] == 1160103
    assert notes(toy) == 0


def test_a_dropped_answer_leaves_what_was_done(toy):
    def drop(exchange):
        exchange.drop = True

    with pytest.raises(ConnectionResetError):
        Toy(toy.store, watch=Watching(before=drop)).ask(POST, NOTE)
    assert notes(toy) == 1
