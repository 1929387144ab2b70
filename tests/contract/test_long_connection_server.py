"""The long connections of both SDKs at once, to a server that is killed: they reconnect and miss no event."""

import asyncio
from contextlib import AsyncExitStack
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.contract.sdk_listeners import SDKS, SdkListener, require, running_listener
from tests.server_process import Server
from tests.world import APP_ALL, APP_SECRETS, COREHR_ID_TYPES, CREATE_JOB_CHANGE_PATH, TENANT_TOKEN_PATH


class Apps:
    """One app for each SDK; each subscribes to all events over a connection of its own."""

    def __init__(self, server: Server) -> None:
        self.server = server
        other = server.sandbox("POST", "apps", {"name": "node"})
        self.secrets = {
            "python": (APP_ALL, APP_SECRETS[APP_ALL]),
            "node": (other["app_id"], other["app_secret"]),
        }
        subscription = {"mode": "long_connection", "events": "*"}
        for app_id, _ in self.secrets.values():
            self.types = server.sandbox("PUT", f"apps/{app_id}/webhook", subscription)["events"]

    def move_employees(self, *record_names: str) -> None:
        """Create a job change, effective today, for each of these employments of the demo company."""
        with httpx.Client(base_url=self.server.url) as client:
            app_id, secret = self.secrets["python"]
            token = client.post(TENANT_TOKEN_PATH, json={"app_id": app_id, "app_secret": secret}).json()[
                "tenant_access_token"
            ]
            names = self.server.sandbox("GET", "world")
            for record_name in record_names:
                body = {
                    "transfer_mode": 1,
                    "employment_id": names["employments"][record_name]["id"],
                    "transfer_type_unique_identifier": "internal_transfer",
                    "effective_date": self.server.sandbox("GET", "clock")["now"][:10],
                    "transfer_info": {"target_department": names["departments"]["other"]["id"]},
                }
                headers = {"authorization": f"Bearer {token}"}
                assert (
                    client.post(CREATE_JOB_CHANGE_PATH, json=body, params=COREHR_ID_TYPES, headers=headers).json()[
                        "code"
                    ]
                    == 0
                )

    def recorded_events(self) -> dict[str, str]:
        """Return the types of all recorded events, by event id."""
        return {e["event_id"]: e["event_type"] for e in self.server.sandbox("GET", "events")["items"]}


async def wait_for_events(listener: SdkListener, event_ids: set[str]) -> set[str]:
    """Wait until all of these events were received, and return the ids of all events received meanwhile."""
    received: set[str] = set()
    while not event_ids <= received:
        line = await listener.line()
        if "event_id" in line:
            received.add(line["event_id"])
    return received


def test_both_reconnect_to_a_server_that_was_killed_and_miss_no_event(own_server):
    for sdk in SDKS:
        require(sdk)

    async def scenario() -> None:
        apps = Apps(own_server)
        async with asyncio.timeout(90), AsyncExitStack() as stack:
            listeners = []
            for sdk, (app_id, secret) in apps.secrets.items():
                options = {"domain": own_server.url, "app_id": app_id, "app_secret": secret, "types": apps.types}
                listeners.append(await stack.enter_async_context(running_listener(sdk, options)))
            for listener in listeners:
                await listener.ready()
            apps.move_employees("active")
            before = apps.recorded_events()
            assert len(before) == 8
            for listener in listeners:
                assert await wait_for_events(listener, set(before)) == set(before)

            own_server.kill()
            own_server.start()
            apps.move_employees("active_2", "manager")
            since = apps.recorded_events().keys() - before.keys()
            assert len(since) == 16
            for listener in listeners:  # events under way when it was killed are received again
                assert await wait_for_events(listener, since) <= since | before.keys()

            # every delivery ends as delivered, so that none is sent again
            def deliveries_of_both():
                return [d for e in own_server.sandbox("GET", "events")["items"] for d in e["deliveries"]]

            deliveries = deliveries_of_both()
            while any(delivery["state"] == "waiting" for delivery in deliveries):
                await asyncio.sleep(0.05)
                deliveries = deliveries_of_both()
            assert {(d["state"], d["attempts"][-1]["detail"]) for d in deliveries} == {("delivered", "answered 200")}
            assert len(deliveries) == 2 * 24

    asyncio.run(scenario())


def test_a_client_with_a_wrong_secret_receives_the_reason_and_is_logged(own_server):
    response = httpx.post(f"{own_server.url}/callback/ws/endpoint", json={"AppID": APP_ALL, "AppSecret": "wrong"})
    assert (response.status_code, response.json()["code"]) == (200, 514)
    [request] = [r for r in own_server.sandbox("GET", "requests")["items"] if r["path"] == "/callback/ws/endpoint"]
    assert request["rule"] == "secret_is_wrong"
    assert request["body"] == {"AppID": APP_ALL, "AppSecret": "***"}
    right = httpx.post(
        f"{own_server.url}/callback/ws/endpoint", json={"AppID": APP_ALL, "AppSecret": APP_SECRETS[APP_ALL]}
    ).json()
    url = right["data"]["URL"]
    assert url.startswith(f"ws://127.0.0.1:{own_server.port}/ws/v2?")
    logged = own_server.sandbox("GET", "requests")["items"][-1]["answer"]["data"]["URL"]
    params = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    logged_params = {name: values[0] for name, values in parse_qs(urlsplit(logged).query).items()}
    assert logged_params == params | {"access_key": "***", "ticket": "***"}
    assert httpx.get(f"{own_server.url}/callback/ws/endpoint").text == "404 page not found"
