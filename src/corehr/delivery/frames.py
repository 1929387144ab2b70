"""Frames: the protobuf messages of a long connection, in both directions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

METHOD_CONTROL: Final = 0
"""The method of pings and pongs."""

METHOD_DATA: Final = 1
"""The method of events and their acknowledgements."""

SERVICE_ID: Final = 1
"""The service that addresses and frames name."""

_MESSAGES: Final = {
    "Header": ("1 required string key", "2 required string value"),
    "Frame": (
        "1 required uint64 SeqID",
        "2 required uint64 LogID",
        "3 required int32 service",
        "4 required int32 method",
        "5 repeated Header headers",
        "6 optional string payload_encoding",
        "7 optional string payload_type",
        "8 optional bytes payload",
        "9 optional string LogIDNew",
    ),
}


@dataclass(frozen=True, slots=True)
class Frame:
    """One message of a long connection; of several headers with one name, `headers` has the last."""

    method: int
    headers: Mapping[str, str]
    payload: bytes = b""
    service: int = 0
    seq_id: int = field(default=0, kw_only=True)
    log_id: int = field(default=0, kw_only=True)


def _message_class() -> Any:
    """Return the class of the protobuf message, from a descriptor pool of its own.

    Another library in the process may register the same names in the default pool.
    """
    file = FileDescriptorProto(name="pbbp2.proto", package="pbbp2", syntax="proto2")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for line in fields:
            number, label, kind, field_name = line.split()
            descriptor = message.field.add(name=field_name, number=int(number))
            descriptor.label = FieldDescriptorProto.Label.Value(f"LABEL_{label.upper()}")
            if kind in _MESSAGES:
                descriptor.type, descriptor.type_name = FieldDescriptorProto.TYPE_MESSAGE, f".pbbp2.{kind}"
            else:
                descriptor.type = FieldDescriptorProto.Type.Value(f"TYPE_{kind.upper()}")
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName("pbbp2.Frame"))


_Message: Final = _message_class()


def encode(frame: Frame) -> bytes:
    """Return the frame as bytes; numbers are written even if they are 0."""
    message = _Message(SeqID=frame.seq_id, LogID=frame.log_id, service=frame.service, method=frame.method)
    for key, value in frame.headers.items():
        message.headers.add(key=key, value=value)
    if frame.payload:
        message.payload = frame.payload
    encoded: bytes = message.SerializeToString()
    return encoded


def decode(data: bytes) -> Frame:
    """Return the frame that the bytes encode; raises ValueError if they encode none."""
    try:
        message = _Message.FromString(data)
    except DecodeError as error:
        raise ValueError("not a frame") from error
    if not message.IsInitialized():
        raise ValueError("a frame without one of its required fields")
    headers = {header.key: header.value for header in message.headers}
    if not all(isinstance(text, str) for text in (*headers, *headers.values())):  # bytes if it is not UTF-8
        raise ValueError("a header that is not text")
    return Frame(message.method, headers, message.payload, message.service, seq_id=message.SeqID, log_id=message.LogID)
