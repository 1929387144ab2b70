"""The ids that a company gave its people and departments, as the gateway and delivery look them up."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from corehr.apps.scopes import DataRange
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx


class IdDirectory(Protocol):
    """Looks up the ids that a company gave its people and departments; ids that match nothing are left out."""

    def employments_by_external_id(self, tx: Tx, id_type: str, values: Sequence[str]) -> Mapping[str, str]:
        """Return employment ids by external id; `id_type` is user_id or people_admin_id."""
        ...

    def external_ids_of_employments(self, tx: Tx, id_type: str, ids: Sequence[str]) -> Mapping[str, str]:
        """Return external ids of type user_id or people_admin_id by employment id."""
        ...

    def departments_by_external_id(self, tx: Tx, id_type: str, values: Sequence[str]) -> Mapping[str, str]:
        """Return CoreHR department ids by external id; `id_type` is department_id."""
        ...

    def external_ids_of_departments(self, tx: Tx, id_type: str, ids: Sequence[str]) -> Mapping[str, str]:
        """Return ids of type department_id by CoreHR department id."""
        ...

    def existing_employments(self, tx: Tx, ids: Sequence[str]) -> Collection[str]:
        """Return those of the CoreHR ids that are ids of employments."""
        ...

    def existing_departments(self, tx: Tx, ids: Sequence[str]) -> Collection[str]:
        """Return those of the CoreHR ids that are ids of departments."""
        ...

    def is_in_data_range(self, tx: Tx, data_range: DataRange, employment_id: str, day: IsoDate) -> bool:
        """Return whether the employee works in a department of the range on `day`."""
        ...
