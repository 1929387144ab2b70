"""Creates a tenant, and restores its world clock."""

from zoneinfo import ZoneInfo

from corehr.engines.effective_dating import open_zone
from corehr.kernel import tenants
from corehr.kernel.clock import Clock, parse_timestamp, real_now, to_timestamp
from corehr.kernel.db import Tx
from corehr.kernel.errors import UsageError
from corehr.kernel.ids import random_hex
from corehr.kernel.tenants import Tenant


def create_tenant(
    tx: Tx,
    name: str,
    time_zone: str,
    *,
    tenant_key: str | None = None,
    server_key: str | None = None,
    seed: str | None = None,
    keep_world_clock: bool = False,
) -> Tenant:
    """Create the transaction's tenant and return it; UsageError if it exists or there is no such time zone.

    `tenant_key` (16 hexadecimal digits, the platform's tenant_key) and `server_key` (64 digits, which sign tokens) are
    generated unless given. With `keep_world_clock`, the tenant's world clock goes on from the transaction's time, also
    after a restart.
    """
    if tenants.get(tx):
        raise UsageError("this database has its company already: give --db another one")
    require_time_zone(time_zone)
    tenant = Tenant(
        id=tx.tenant,
        tenant_key=tenant_key or random_hex(16),
        name=name,
        time_zone=time_zone,
        server_key=server_key or random_hex(64),
        world_time=tx.recorded_at if keep_world_clock else None,
        world_time_set_at=to_timestamp(real_now()) if keep_world_clock else None,
        seed=seed,
    )
    tenants.insert(tx, tenant)
    open_zone(tx, time_zone)
    return tenant


def require_time_zone(time_zone: str) -> None:
    """Raise UsageError unless this is the name of a time zone, as Asia/Shanghai."""
    try:
        ZoneInfo(time_zone)
    except (KeyError, ValueError, OSError):
        raise UsageError(f"there is no time zone {time_zone!r}: name one as Asia/Shanghai or Europe/Berlin") from None


def restore_world_clock(clock: Clock, tenant: Tenant) -> None:
    """Let the tenant's time go on from where its world clock was set, if it was set."""
    if tenant.world_time and tenant.world_time_set_at:
        clock.set_now(
            tenant.id, parse_timestamp(tenant.world_time) + (real_now() - parse_timestamp(tenant.world_time_set_at))
        )
