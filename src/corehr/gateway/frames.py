"""Frames: the protobuf messages that a long connection carries both ways."""

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
    """One message of a long connection; of two headers of one name the last is told."""

    method: int
    headers: Mapping[str, str]
    payload: bytes = b""
    service: int = 0
    seq_id: int = field(default=0, kw_only=True)
    log_id: int = field(default=0, kw_only=True)


def _message_class() -> Any:
    """The class of Frame, in a pool of its own: another library of the process may know the same names."""
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
    """The frame as it is sent; a number that is 0 is written too."""
    message = _Message(SeqID=frame.seq_id, LogID=frame.log_id, service=frame.service, method=frame.method)
    for key, value in frame.headers.items():
        message.headers.add(key=key, value=value)
    if frame.payload:
        message.payload = frame.payload
    encoded: bytes = message.SerializeToString()
    return encoded


def decode(data: bytes) -> Frame:
    """The frame that was sent; ValueError when it is none."""
    try:
        message = _Message.FromString(data)
    except DecodeError as error:
        raise ValueError("no frame") from error
    if not message.IsInitialized():
        raise ValueError("a frame without one of its required fields")
    headers = {header.key: header.value for header in message.headers}
    if not all(isinstance(text, str) for text in (*headers, *headers.values())):  # bytes where it is no UTF-8
        raise ValueError("a header that is no text")
    return Frame(message.method, headers, message.payload, message.service, seq_id=message.SeqID, log_id=message.LogID)
