"""`corehr call`: its output, its exit status, and its one-line errors."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest
from click.testing import CliRunner, Result

from corehr.app.features import COMMANDS, QUERIES
from corehr.cli.client import is_loopback_url
from corehr.cli.main import cli
from tests.server_process import Server, running_server
from tests.world import APP_NO_FIELD_SCOPES, APP_NO_SCOPES, APP_SECRETS

CREATE = "v1.job_change.create"
REVOKE = "v2.job_change.revoke"
JOB_DATA = "v2.employees-job_data.query"
COREHR_ID_QUERY = ("--query", "user_id_type=people_corehr_id")


@pytest.fixture(scope="module")
def server(sqlite_template) -> Iterator[Server]:
    db = sqlite_template.copy()
    with running_server(db) as server:
        yield server
    sqlite_template.delete(db)


@pytest.fixture(scope="module")
def employments(server):
    return server.sandbox("GET", "world")["employments"]


def call(*arguments: str, stdin: bytes | None = None, **env: str) -> Result:
    clean = dict.fromkeys(("COREHR_URL", "COREHR_APP_ID", "COREHR_APP_SECRET"))
    return CliRunner(env={**clean, **env}).invoke(cli, ["call", *arguments], input=stdin)


def error_line(result: Result) -> str:
    """Return the one line on stderr."""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("corehr: ")
    return lines[0]


def job_change_body(employment_id: str) -> str:
    body = {"transfer_mode": 1, "employment_id": employment_id, "effective_date": "2026-03-01", "transfer_info": {}}
    return json.dumps(body | {"transfer_type_unique_identifier": "internal_transfer"})


def test_the_operations_that_are_built_are_listed():
    result = call("--list")
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    assert [id for id, _, _ in lines] == sorted({*COMMANDS, *QUERIES})
    assert [CREATE, "POST", "/open-apis/corehr/v1/job_changes"] in lines
    assert (result.exit_code, result.stderr) == (0, "")


def test_the_response_is_printed_for_people(server, employments):
    id = employments["active"]["id"]
    body = json.dumps({"employment_ids": [id]})
    result = call(JOB_DATA, "--url", server.url, "--data", body, *COREHR_ID_QUERY, "--query", "page_size=10")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith('{\n  "code": 0,\n')
    assert json.loads(result.stdout)["data"]["items"][0]["employment_id"] == id


@pytest.mark.parametrize("source", ["argument", "file", "stdin"])
def test_the_body_comes_from_the_source_named(server, employments, source, tmp_path):
    body = json.dumps({"employment_ids": [employments["manager"]["id"]]})
    file = tmp_path / "body.json"
    file.write_text(body)
    data = {"argument": body, "file": f"@{file}", "stdin": "-"}[source]
    arguments = (JOB_DATA, "--url", server.url, "--data", data, *COREHR_ID_QUERY, "--query", "page_size=1")
    response = json.loads(call(*arguments, stdin=body.encode()).stdout)
    assert [item["employment_id"] for item in response["data"]["items"]] == [employments["manager"]["id"]]


def test_an_error_ends_with_1_and_prints_code_message_and_log_id(server, employments):
    result = call(CREATE, "--url", server.url, "--data", job_change_body(employments["leaver"]["id"]), *COREHR_ID_QUERY)
    response = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (response["code"], response["msg"]) == (1160201, "Has pending offboarding")
    line = f"corehr: refused: 1160201 Has pending offboarding (log id {response['error']['log_id']})"
    assert error_line(result) == line


def test_a_parameter_of_the_path_is_one_segment_whatever_is_in_it(server):
    result = call(REVOKE, "--url", server.url, "--path", "job_change_id=7/../ü?x=1", "--data", "{}")
    assert error_line(result).startswith("corehr: refused: 1160001 param is invalid (log id ")
    logged = server.sandbox("GET", "requests?limit=1")["items"][0]
    assert logged["operation"] == REVOKE


def test_the_app_may_be_named_or_come_from_the_environment(server, employments):
    arguments = (CREATE, "--url", server.url, "--data", job_change_body(employments["active"]["id"]), *COREHR_ID_QUERY)
    assert "refused: 99991672 " in error_line(
        call(*arguments, "--app-id", APP_NO_SCOPES, "--app-secret", APP_SECRETS[APP_NO_SCOPES])
    )
    assert "refused: 1160200 " in error_line(
        call(*arguments, COREHR_APP_ID=APP_NO_FIELD_SCOPES, COREHR_APP_SECRET=APP_SECRETS[APP_NO_FIELD_SCOPES])
    )
    assert "refused: 99991672 " in error_line(call(*arguments, "--app-id", APP_NO_SCOPES)), (
        "the demo's secrets are known"
    )


def test_an_app_that_gets_no_token_reads_the_reason(server):
    result = call(
        REVOKE, "--url", server.url, "--path", "job_change_id=1", "--app-id", APP_NO_SCOPES, "--app-secret", "guess"
    )
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no token: 10014 app secret invalid (log id " in error_line(result)
    assert "give --app-id and --app-secret of an app of this server" in error_line(result)
    assert "guess" not in result.output


def test_a_server_that_is_not_there_or_is_another_program_ends_with_1(server):
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        absent = call("v2.approver.list", "--url", f"http://127.0.0.1:{unused.getsockname()[1]}")
    assert absent.exit_code == 1
    assert "does not answer" in error_line(absent)
    other = call("v2.approver.list", "--url", f"{server.url}/elsewhere/")
    assert other.exit_code == 1
    assert "answers HTTP 404, and not as corehr does: check that it is a corehr of this version" in error_line(other)


USAGE_ERRORS = {
    "": "name an operation: corehr call --list shows them",
    "job_change.create": "no operation job_change.create is built: did you mean v1.job_change.create",
    "payroll": "corehr call --list shows them",
    REVOKE: "v2.job_change.revoke needs job_change_id: give --path job_change_id=VALUE",
    f"{REVOKE} --path job_change_id=": "needs job_change_id",
    f"{REVOKE} --path id=7": "has no --path id: it takes job_change_id",
    f"{CREATE} --path id=7": "has no --path id: it takes none",
    f"{CREATE} --query user_idtype=open_id": "has no --query user_idtype: it takes user_id_type, department_id_type",
    f"{CREATE} --query user_id_type": "'user_id_type' is not a pair: write it as name=value",
    f"{CREATE} --data {{": "--data is not JSON",
    f"{CREATE} --data @nothing.json": "--data @nothing.json cannot be read (No such file or directory)",
    "v2.approver.list --data {}": "v2.approver.list takes no body: leave --data out",
    f"{CREATE} --url 127.0.0.1:8321": "is not a URL of a server: write --url as http://127.0.0.1:8321",
    f"{CREATE} --url ftp://127.0.0.1/": "is not a URL of a server",
    f"{CREATE} --url http://127.0.0.1:x/": "is not a URL of a server",
    f"{CREATE} --url http://me:hunter2@127.0.0.1/": "is not a URL of a server",
    f"{CREATE} --url https://hr.example.com": "needs an app: give --app-id and --app-secret",
    f"{CREATE} --url https://hr.example.com --app-id {APP_NO_SCOPES}": "needs an app: give --app-id and --app-secret",
    f"{CREATE} --app-secret s": "give --app-id and --app-secret, or neither",
    f"{CREATE} --app-id cli_0000000000000009": "give --app-id and --app-secret, or neither",
}


@pytest.mark.parametrize("command", USAGE_ERRORS)
def test_a_usage_error_ends_with_2_and_says_what_to_do(command, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    result = call(*command.split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert USAGE_ERRORS[command] in error_line(result)
    assert "hunter2" not in result.output


def test_it_has_help():
    result = call("--help")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("Usage: corehr call [OPTIONS] [OPERATION]")


@pytest.mark.parametrize(
    ("url", "is_loopback"),
    [
        ("http://127.0.0.1:8321", True),
        ("http://localhost", True),
        ("http://[::1]:8321/hr", True),
        ("https://hr.example.com", False),
        ("http://192.0.2.1", False),
        ("http://localhost.example.com", False),
    ],
)
def test_only_a_loopback_url_gets_the_secrets_of_the_demo(url, is_loopback):
    assert is_loopback_url(url) is is_loopback
