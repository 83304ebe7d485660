"""Messages of protocol buffers, from a table in place of a compiler."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

NUMBER, TEXT, UNSIGNED, MESSAGE = 3, 9, 4, 11
"""Types of fields in a descriptor: int64, string, uint64, message."""

Messages = Mapping[str, Iterable[tuple[str, int | str, bool]]]
"""message -> its fields in the order of their numbers: name, type, is it repeated. "" is a number left out."""


def make(package: str, messages: Messages) -> Mapping[str, Any]:
    """Name -> class."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for number, (field_name, kind, repeated) in enumerate(fields, 1):
            if field_name:
                message.field.add(
                    name=field_name,
                    number=number,
                    label=3 if repeated else 1,
                    type=MESSAGE if isinstance(kind, str) else kind,
                    type_name=f".{package}.{kind}" if isinstance(kind, str) else None,
                )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    made = message_factory.GetMessages([file], pool=pool)
    return {name: made[f"{package}.{name}"] for name in messages}
