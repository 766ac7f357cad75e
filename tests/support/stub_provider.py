"""A provider plugin that knows a real one's schemas and does nothing: ``terraform validate`` and ``plan`` without it.

    with StubProvider(schemas("aws"), "registry.terraform.io/hashicorp/aws") as provider:
        terraform.run(folder, ["plan"], env=provider.environment)

Terraform is told by TF_REATTACH_PROVIDERS that the plugin runs already, so nothing is downloaded. The schemas say which
arguments there are, of which type, and which are required, and Terraform itself checks a configuration against them.
What a real provider would compute is named by its address here: ``{aws_s3_bucket.arn:acme-registry-public}``.

Protocol: tfplugin5.proto of Terraform's plugin protocol 5; messages are written field by field, to need no compiler.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import grpc  # type: ignore[import-untyped]
import msgpack  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

SCHEMAS: Final = Path(__file__).parents[1] / "fixtures" / "provider-schemas"
_NESTING: Final = {"single": 1, "list": 2, "set": 3}


def schemas(name: str) -> Mapping[str, Any]:
    """The schemas of what ``deployments/NAME`` uses; README.md beside them says where they are from."""
    found: Mapping[str, Any] = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    return found


class StubProvider:
    """Serves the plugin protocol between ``with`` and its end; ``environment`` is what Terraform needs to find it."""

    def __init__(self, known: Mapping[str, Any], address: str) -> None:
        self._known = known
        self._address = address
        self._server = grpc.server(ThreadPoolExecutor(max_workers=4), options=[("grpc.max_receive_message_length", -1)])
        handlers = {name: _handler(method) for name, method in self._methods().items()}
        self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("tfplugin5.Provider", handlers)])
        self._port = self._server.add_insecure_port("127.0.0.1:0")

    @property
    def environment(self) -> dict[str, str]:
        """TF_REATTACH_PROVIDERS (Terraform, "Debugging providers")."""
        where = {"Network": "tcp", "String": f"127.0.0.1:{self._port}"}
        plugin = {"Protocol": "grpc", "ProtocolVersion": 5, "Pid": os.getpid(), "Test": True, "Addr": where}
        return {"TF_REATTACH_PROVIDERS": json.dumps({self._address: plugin})}

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop(None).wait()

    def _methods(self) -> dict[str, Callable[[bytes], bytes]]:
        return {
            "GetSchema": lambda _: self._schema(),
            "PrepareProviderConfig": lambda request: _field(1, _fields(request)[1]),
            "ValidateResourceTypeConfig": lambda _: b"",
            "ValidateDataSourceConfig": lambda _: b"",
            "Configure": lambda _: b"",
            "PlanResourceChange": self._plan,
            "ReadDataSource": self._read,
            "Stop": lambda _: b"",
        }

    def _schema(self) -> bytes:
        empty = _schema({"attributes": {}})
        if self._known["provider"] == "azurerm":
            # The provider refuses to work without this block, so every configuration has it.
            feature = {"nesting": "list", "min": 1, "max": 1, "block": {"attributes": {}}}
            empty = _schema({"attributes": {}, "block_types": {"features": feature}})
        resources = b"".join(_field(2, _entry(n, _schema(s))) for n, s in self._known["resources"].items())
        sources = b"".join(_field(3, _entry(n, _schema(s))) for n, s in self._known["data_sources"].items())
        return _field(1, empty) + resources + sources

    def _plan(self, request: bytes) -> bytes:
        fields = _fields(request)
        name = fields[1].decode()
        proposed = _unpacked(fields[3])
        return _field(1, self._made(self._known["resources"][name], name, proposed)) + _flag(5)

    def _read(self, request: bytes) -> bytes:
        fields = _fields(request)
        name = fields[1].decode()
        return _field(1, self._made(self._known["data_sources"][name], f"data.{name}", _unpacked(fields[2])))

    def _made(self, schema: Mapping[str, Any], name: str, values: dict[str, Any]) -> bytes:
        """A value of a resource, with texts that name what would be computed; other such values are unknown."""
        own = next((values[key] for key in ("bucket", "name", "account_id") if isinstance(values.get(key), str)), "")
        for attribute, about in schema["attributes"].items():
            if values.get(attribute) is None and about.get("computed") and about["type"] == "string":
                values[attribute] = f"{{{name}.{attribute}:{own}}}" if own else f"{{{name}.{attribute}}}"
        return _field(1, msgpack.packb(values, default=_as_is))


def _unpacked(dynamic: bytes) -> dict[str, Any]:
    value: dict[str, Any] = msgpack.unpackb(_fields(dynamic)[1])
    return value


def _as_is(value: Any) -> Any:
    raise TypeError(f"no such value is expected: {value!r}")


def _handler(method: Callable[[bytes], bytes]) -> Any:
    return grpc.unary_unary_rpc_method_handler(lambda request, _context: method(request))


def _schema(block: Mapping[str, Any]) -> bytes:
    return _field(2, _block(block))


def _block(block: Mapping[str, Any]) -> bytes:
    attributes = b"".join(_field(2, _attribute(n, a)) for n, a in block["attributes"].items())
    nested = b"".join(_field(3, _nested(n, b)) for n, b in block.get("block_types", {}).items())
    return attributes + nested


def _attribute(name: str, about: Mapping[str, Any]) -> bytes:
    flags = {"required": 4, "optional": 5, "computed": 6}
    text = _field(1, name.encode()) + _field(2, json.dumps(about["type"]).encode())
    return text + b"".join(_flag(number) for flag, number in flags.items() if about.get(flag))


def _nested(name: str, about: Mapping[str, Any]) -> bytes:
    shape = _number(3, _NESTING[about["nesting"]]) + _number(4, about["min"]) + _number(5, about["max"])
    return _field(1, name.encode()) + _field(2, _block(about["block"])) + shape


def _entry(key: str, value: bytes) -> bytes:
    """One entry of a map (protobuf encoding: maps are repeated messages of key and value)."""
    return _field(1, key.encode()) + _field(2, value)


def _field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _flag(number: int) -> bytes:
    return _number(number, 1)


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 127:
        written.append(value & 127 | 128)
        value >>= 7
    return bytes([*written, value])


def _fields(message: bytes) -> dict[int, bytes]:
    """The last value of each field with bytes; numbers are passed over."""
    return {number: value for number, value in _parsed(message) if value is not None}


def _parsed(message: bytes) -> Iterator[tuple[int, bytes | None]]:
    position = 0

    def varint() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = message[position]
            position += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while position < len(message):
        tag = varint()
        if tag & 7 == 2:
            size = varint()
            yield tag >> 3, message[position : position + size]
            position += size
        else:
            varint()
            yield tag >> 3, None
