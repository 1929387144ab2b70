"""Handlers: a handler takes the checked request of an app and returns the data of the response."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from corehr.apps.scopes import DataRange, PreHireAccess
from corehr.kernel.db import Tx
from corehr.spec.loader import Operation

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """A checked request: its shape is valid and its ids are CoreHR's own (`ids.UNKNOWN_ID` where no record exists)."""

    operation: Operation
    app_id: str
    data_range: DataRange
    pre_hires: PreHireAccess
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Mapping[str, Any]


Handler = Callable[[Tx, Call], JsonObject]
