"""Event bodies of contracts."""

from corehr.kernel.event_log import Event


def created(contract_id: str) -> Event:
    return Event("corehr.contract.created_v1", contract_id, {"contract_id": contract_id})


def updated(contract_id: str) -> Event:
    return Event("corehr.contract.updated_v1", contract_id, {"contract_id": contract_id})


def deleted(contract_id: str) -> Event:
    return Event("corehr.contract.deleted_v1", contract_id, {"contract_id": contract_id})
