"""The page that a browser gets at `/`: what this server is, its addresses, and a first call to copy."""

import asyncio
from collections.abc import Iterable
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from corehr import demo
from corehr.app.installation import Installation
from corehr.spec.loader import Operation

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1f2329}"
    "code,pre{font:14px/1.45 ui-monospace,monospace}pre{background:#f5f6f7;padding:1rem;overflow-x:auto}"
    "td{padding:.1rem 1.5rem .1rem 0;vertical-align:top}@media(prefers-color-scheme:dark)"
    "{body{background:#1b1c1e;color:#ebebeb}pre{background:#2a2b2e}a{color:#8ab4f8}}"
)


def routes(installation: Installation, operations: Iterable[Operation], *, sandbox: bool) -> list[Route]:
    """Return the route `/`. A demo company's page has its published credentials; no other page has any."""
    built = sorted(operations, key=lambda operation: (operation.path, operation.method))

    async def home(request: Request) -> HTMLResponse:
        base_url = str(request.base_url).rstrip("/")
        first_call = ""
        if sandbox and installation.tenant.seed is not None:
            text = await asyncio.to_thread(demo.banner, installation.store, installation.tenant, base_url)
            first_call = f"<h2>First call · 第一次调用</h2><pre>{escape(text)}</pre>"
        return HTMLResponse(_page(built, first_call, sandbox=sandbox))

    return [Route("/", home)]


def _page(operations: Iterable[Operation], first_call: str, *, sandbox: bool) -> str:
    addresses = {
        "/openapi.json": "every operation that is built, as OpenAPI 3.1 · 已实现的接口",
        "/healthz": "whether the process is alive · 进程是否存活",
        "/readyz": "whether it can serve · 能否提供服务",
    }
    if sandbox:
        addresses |= {
            "/sandbox/world": "the named records of the demo, and a request for each error · 演示数据与各错误的请求",
            "/sandbox/clock": "the world time · 世界时间",
            "/sandbox/requests": "the requests received, and the rule that refused each · 收到的请求",
            "/sandbox/events": "what happened, and what was delivered · 事件与投递",
        }
    links = "".join(
        f'<tr><td><a href="{path}"><code>{path}</code></a></td><td>{text}</td></tr>' for path, text in addresses.items()
    )
    calls = "".join(
        f"<tr><td><code>{operation.method}</code></td><td><code>{escape(operation.path)}</code></td></tr>"
        for operation in operations
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>corehr</title><style>{_STYLE}</style>'
        '<meta name="viewport" content="width=device-width"><h1>corehr</h1>'
        "<p>A self-hosted core-HR system that serves the Feishu/Lark CoreHR Open API. The official SDKs work against "
        "it: set their domain to this address, without a path or a slash at the end.</p>"
        '<p lang="zh">可私有部署的核心人事系统，对外提供飞书 CoreHR 开放平台的接口。官方 SDK 无需改动：'
        "把域名换成本页地址即可，不带路径，也不带末尾的斜杠。</p>"
        f"<h2>Addresses · 地址</h2><table>{links}</table>{first_call}"
        f"<h2>Operations · 接口</h2><table>{calls}</table>"
        "<p>Every other path under <code>/open-apis/</code> answers as the platform does: 404. The guides are in the "
        "folder <code>docs</code> of the project. · 指南见项目的 <code>docs</code> 目录。</p></html>"
    )
