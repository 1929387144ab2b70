"""Alembic's way in: runs the steps on the connection and in the transaction that it is handed."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.api import AutogenContext

_attributes = context.config.attributes


def _render_type(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """TEXT and NUMBER, which every step defines, are the only types of column there are."""
    if kind != "type":
        return False
    return "NUMBER" if isinstance(item, sa.BigInteger) else "TEXT"


context.configure(
    connection=_attributes["connection"], target_metadata=_attributes.get("metadata"), render_item=_render_type
)
context.run_migrations()
