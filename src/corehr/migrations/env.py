"""Alembic's way in: runs the steps on the connection and in the transaction that it is handed."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.api import AutogenContext

_given = context.config.attributes


def _short(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """TEXT and NUMBER, which every step defines, are the only types of column there are."""
    if kind != "type":
        return False
    return "NUMBER" if isinstance(item, sa.BigInteger) else "TEXT"


context.configure(connection=_given["connection"], target_metadata=_given.get("metadata"), render_item=_short)
context.run_migrations()
