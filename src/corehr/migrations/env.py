"""Alembic's environment: runs the migrations on the connection, and in the transaction, that its caller passes."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.api import AutogenContext

_attributes = context.config.attributes


def _render_type(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Render a column type as TEXT or NUMBER, which every migration defines; return False for other items."""
    if kind != "type":
        return False
    return "NUMBER" if isinstance(item, sa.BigInteger) else "TEXT"


context.configure(
    connection=_attributes["connection"], target_metadata=_attributes.get("metadata"), render_item=_render_type
)
context.run_migrations()
