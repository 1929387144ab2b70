"""The baseline: a handler without rules that durably writes the rows of one job change.

Server, store, tables, number of rows and response are those of corehr; it reads nothing and refuses nothing.
"""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import msgspec
import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from corehr.app.stores import open_store
from corehr.hr.employees.employments.records import REPORTING_LINES, employee_number, reporting_line
from corehr.hr.job_changes.records import job_change
from corehr.hr.processes.records import process, task
from corehr.kernel.clock import FOREVER, Clock
from corehr.kernel.db import Store, Tx
from corehr.kernel.event_log import Event
from corehr.kernel.ids import TimeOrderedIds
from corehr.kernel.statements import insert_into
from corehr.kernel.tenants import DEFAULT_TENANT_ID
from corehr.server import run

PATH = "/open-apis/corehr/v1/job_changes"
TASKS = 2

_decode = msgspec.json.decode
_encode = msgspec.json.encode


def _blank_row(table: sa.Table) -> dict[str, Any]:
    """Return a value for every column, so that new columns need no change here."""
    values = {column.name: "" if isinstance(column.type, sa.Text) else 0 for column in table.columns}
    return {name: None if table.c[name].nullable else value for name, value in values.items()}


_INSERT_JOB_CHANGE, _BLANK_JOB_CHANGE = insert_into(job_change), _blank_row(job_change)
_INSERT_REPORTING_LINE, _BLANK_REPORTING_LINE = insert_into(reporting_line), _blank_row(reporting_line)
_INSERT_PROCESS, _BLANK_PROCESS = insert_into(process), _blank_row(process)
_INSERT_TASK, _BLANK_TASK = insert_into(task), _blank_row(task)
_INSERT_EMPLOYEE_NUMBER = insert_into(employee_number)
_JOB_CHANGE_EVENT_TYPES = (
    "corehr.job_change.updated_v1",
    "corehr.job_change.status_updated_v2",
    "corehr.employee.domain_event_v2",
)
_PROCESS_EVENT_TYPES = (
    "corehr.process.status.update_v2",
    "corehr.process.approver.updated_v2",
    "corehr.process.node.updated_v2",
    "corehr.process.updated_v2",
)


def write_rows(body: dict[str, Any], tx: Tx) -> bytes:
    """Write the rows of a job change with an approval of two tasks, and return the response body."""
    info, employment_id, key = body["transfer_info"], body["employment_id"], body["transfer_key"]
    id, process_id, recorded_at = tx.new_id(), tx.new_id(), tx.recorded_at
    row = {
        **_BLANK_JOB_CHANGE,
        "id": id,
        "employment_id": employment_id,
        "status": "Approving",
        "mode": body["transfer_mode"],
        "transfer_type": body["transfer_type_unique_identifier"],
        "flow_id": body["flow_id"],
        "process_id": process_id,
        "effective_date": body["effective_date"],
        "zone": "Asia/Shanghai",
        "app_id": "cli_a000000000000001",
        "transfer_key": key,
        "transfer_key_hash": key,
        "initiator_id": body["initiator_id"],
        "remark": info["remark"],
        "offer_info": info["offer_info"],
        "dotted_manager_clean": int(info["target_dotted_manager_clean"]),
        "probation_exist": int(info["probation_exist"]),
        "targets": _side(info, "target_"),
        "originals": _side(info, "original_"),
        "target_department_id": info["target_department"],
        "created_at": recorded_at,
        "updated_at": recorded_at,
    }
    tx.execute(_INSERT_JOB_CHANGE, **row)
    tx.execute_many(
        _INSERT_REPORTING_LINE,
        [
            {
                **_BLANK_REPORTING_LINE,
                "line": line,
                "employment_id": employment_id,
                "source_id": id,
                "valid_from": body["effective_date"],
                "valid_to": FOREVER,
                "manager_id": info[f"target_{line.removesuffix('_id')}"],
            }
            for line in REPORTING_LINES
        ],
    )
    number = info["target_employment_change"]["employee_number"]
    tx.execute(_INSERT_EMPLOYEE_NUMBER, number=number, source_id=id, employment_id=employment_id)
    _insert_process(tx, process_id, id, body)
    _emit_events(tx, id, process_id, body)
    data = {
        "job_change_id": id,
        "employment_id": employment_id,
        "status": 0,
        "transfer_type_unique_identifier": body["transfer_type_unique_identifier"],
        "transfer_reason_unique_identifier": "",
        "process_id": process_id,
        "effective_date": body["effective_date"],
        "created_time": "1767574800000",
        "transfer_info": info,
    }
    return b'{"code":0,"msg":"success","data":' + _encode(data) + b"}"


def _side(info: dict[str, Any], side: str) -> dict[str, Any]:
    return {name: value for name, value in info.items() if name.startswith(side)}


def _insert_process(tx: Tx, process_id: str, subject_id: str, body: dict[str, Any]) -> None:
    row = {
        **_BLANK_PROCESS,
        "id": process_id,
        "flow_id": body["flow_id"],
        "subject_kind": "job_change",
        "subject_id": subject_id,
        "employment_id": body["employment_id"],
        "initiator_id": body["initiator_id"],
        "status": 1,
        "created_at": tx.recorded_at,
    }
    tx.execute(_INSERT_PROCESS, **row)
    tx.execute_many(
        _INSERT_TASK,
        [
            {
                **_BLANK_TASK,
                "id": tx.new_id(),
                "process_id": process_id,
                "node": node,
                "approver": body["initiator_id"],
                "all_of": 1,
                "status": int(node == 0),
            }
            for node in range(TASKS)
        ],
    )


def _emit_events(tx: Tx, id: str, process_id: str, body: dict[str, Any]) -> None:
    job_change_payload = {
        "employment_id": body["employment_id"],
        "job_change_id": id,
        "transfer_mode": body["transfer_mode"],
        "transfer_type_unique_identifier": body["transfer_type_unique_identifier"],
        "transfer_reason_unique_identifier": "",
        "process_id": process_id,
        "effective_date": body["effective_date"],
        "status": 1,
        "transfer_key": body["transfer_key"],
    }
    process_payload = {
        "process_id": process_id,
        "status": 1,
        "biz_type": "job_change",
        "flow_definition_id": body["flow_id"],
        "node_definition_id": f"{body['flow_id']}_node_1",
        "properties": 1,
    }
    for type in _JOB_CHANGE_EVENT_TYPES:
        tx.emit(Event(type, id, job_change_payload))
    for type in _PROCESS_EVENT_TYPES:
        tx.emit(Event(type, process_id, process_payload))


def application(store: Store) -> Starlette:
    """Return an application with one operation; its shutdown closes the store."""

    async def create(request: Request) -> Response:
        body = _decode(await request.body())
        return Response(
            await store.command(DEFAULT_TENANT_ID, partial(write_rows, body)), media_type="application/json"
        )

    async def ready(request: Request) -> Response:
        return Response(b"ok")

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        store.close()

    routes = [Route(PATH, create, methods=["POST"]), Route("/readyz", ready)]
    return Starlette(routes=routes, lifespan=lifespan)


def main() -> None:
    """Serve the baseline with the server that serves corehr."""
    parser = argparse.ArgumentParser(prog="python -m bench.baseline", description=__doc__)
    parser.add_argument("--db", required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    run.configure_logging()
    store = open_store(options.db, Clock(), TimeOrderedIds())
    run.run(application(store), run.bind("127.0.0.1", options.port), lambda: None)


if __name__ == "__main__":
    main()
