"""The ids a company gave its people and departments, for the gateway, which does not import HR."""

from collections.abc import Collection, Mapping, Sequence

from corehr.apps.scopes import DataRange
from corehr.hr.employees.employments import records as employments
from corehr.hr.employees.job_datas import records as job_datas
from corehr.hr.organization import departments
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx


class HrIdDirectory:
    """The gateway's IdDirectory, read from HR records; ids without a record are left out."""

    def employments_by_external_id(self, tx: Tx, id_type: str, values: Sequence[str]) -> Mapping[str, str]:
        find = employments.list_by_user_ids if id_type == "user_id" else employments.list_by_people_admin_ids
        return {row[id_type]: row["id"] for row in find(tx, values)}

    def external_ids_of_employments(self, tx: Tx, id_type: str, ids: Sequence[str]) -> Mapping[str, str]:
        return {id: getattr(employment, id_type) for id, employment in employments.get_many(tx, ids).items()}

    def departments_by_external_id(self, tx: Tx, id_type: str, values: Sequence[str]) -> Mapping[str, str]:
        return {row[id_type]: row["id"] for row in departments.list_by_department_ids(tx, values)}

    def external_ids_of_departments(self, tx: Tx, id_type: str, ids: Sequence[str]) -> Mapping[str, str]:
        return {row["id"]: row[id_type] for row in departments.list_by_ids(tx, ids)}

    def existing_employments(self, tx: Tx, ids: Sequence[str]) -> Collection[str]:
        return employments.get_many(tx, ids)

    def existing_departments(self, tx: Tx, ids: Sequence[str]) -> Collection[str]:
        return [row["id"] for row in departments.list_by_ids(tx, ids)]

    def is_in_data_range(self, tx: Tx, data_range: DataRange, employment_id: str, day: IsoDate) -> bool:
        return job_datas.is_in_data_range(tx, data_range, employment_id, day)
