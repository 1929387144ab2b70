"""The events of job data."""

from corehr.kernel.event_log import Event


def created(job_data_id: str) -> Event:
    return Event("corehr.job_data.created_v1", job_data_id, {"job_data_id": job_data_id})


def updated(job_data_id: str) -> Event:
    return Event("corehr.job_data.updated_v1", job_data_id, {"job_data_id": job_data_id})
