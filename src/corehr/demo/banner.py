"""The banner that a demo prints when it starts: credentials, addresses, and a first call that can be pasted."""

from zoneinfo import ZoneInfo

from corehr.demo.apps import APPS, DEFAULT_APP_ID
from corehr.demo.demo_build import find_demo_company, get_named_records
from corehr.gateway.token_endpoints import TENANT_TOKEN_PATH
from corehr.hr.employees.job_datas import records as job_datas
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Store, Tx, encode_json
from corehr.kernel.tenants import Tenant

_JOB_CHANGES_PATH = "/open-apis/corehr/v1/job_changes"


def banner(store: Store, tenant: Tenant, base_url: str) -> str:
    """Return the text of the banner, without a newline at the end."""

    def render(tx: Tx) -> str:
        demo_company, names = find_demo_company(tx), get_named_records(tx)
        now = tx.now.astimezone(ZoneInfo(tenant.time_zone))
        title = f"Demo company, {demo_company[1]} people" if demo_company else "Company"
        active = names["employments"]["active"]
        today = now.date().isoformat()
        current_department = job_datas.department_as_of(tx, active["id"], today)
        other, another = (names["departments"][name]["id"] for name in ("other", "active"))
        return "\n".join(
            [
                f"{title}: {base_url}",
                "",
                f"  app id      {DEFAULT_APP_ID}",
                f"  secret      {APPS[DEFAULT_APP_ID].secret}",
                f"  Open API    {base_url}/open-apis/",
                f"  OpenAPI     {base_url}/openapi.json",
                f"  sandbox     {base_url}/sandbox/world   the named records",
                f"              {base_url}/sandbox/clock   the world time: {now:%Y-%m-%d %H:%M}",
                f"  events      {base_url}/sandbox/events   what happened",
                f"              PUT sandbox/apps/{DEFAULT_APP_ID}/webhook sets where they go: docs/events.md",
                "",
                "Move an employee to another department:",
                "",
                *_curl(base_url, active["open_id"], another if current_department == other else other, today),
            ]
        )

    return store.command_sync(tenant.id, render)


def _curl(base_url: str, employment: str, department: str, day: IsoDate) -> list[str]:
    body = {
        "transfer_mode": 1,
        "employment_id": employment,
        "transfer_type_unique_identifier": "internal_transfer",
        "effective_date": day,
        "transfer_info": {"target_department": department},
    }
    credentials = {"app_id": DEFAULT_APP_ID, "app_secret": APPS[DEFAULT_APP_ID].secret}
    return [
        f"TOKEN=$(curl -s {base_url}{TENANT_TOKEN_PATH} \\",
        f'  -d \'{encode_json(credentials).decode()}\' | sed \'s/.*"tenant_access_token":"\\([^"]*\\)".*/\\1/\')',
        f'curl {base_url}{_JOB_CHANGES_PATH} -H "Authorization: Bearer $TOKEN" \\',
        f"  -d '{encode_json(body).decode()}'",
    ]
