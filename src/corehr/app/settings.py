"""The settings of an installation."""

from dataclasses import dataclass

from corehr.kernel.tenants import DEFAULT_TENANT_ID

DEFAULT_MAX_CONNECTIONS = 1000
"""Connections that may be open at the same time, long ones not counted."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a server; `db` is `sqlite:///path/file.db` or `postgresql://user@host/db`.

    `webhook_hosts` are the hosts and networks that webhooks may go to. A sandbox without a token, which accepts calls
    from this machine only, may always send webhooks to this machine. `key_file` has the keys that encrypt secrets; None
    is the file that `app/keys.py` finds by itself.
    """

    db: str
    tenant: str = DEFAULT_TENANT_ID
    sandbox: bool = False
    sandbox_token: str | None = None
    rate_limits: bool = True
    webhook_hosts: tuple[str, ...] = ()
    max_connections: int = DEFAULT_MAX_CONNECTIONS
    key_file: str | None = None
