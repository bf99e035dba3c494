"""Field by field: our structs have what the schemas have, no more and no less."""

from typing import Any

import msgspec
import pytest
from msgspec import inspect

from controller.ocpp.messages import FROM_CENTRAL_SYSTEM, FROM_CHARGE_POINT, REQUESTS, Part
from tests.oracle.schemas import ACTIONS, DEVIATIONS, NAMES, Path, Schema, demanded, fields, published


def struct_of(name: str) -> type[Part]:
    """The struct of a schema."""
    action = name.removesuffix("Response")
    return REQUESTS[action] if name == action else REQUESTS[action].response


def shape_of_schema(schema: Schema) -> Any:
    """What the schema says, in words that structs can say too."""
    match schema:
        case {"type": "object"}:
            required = schema.get("required", ())
            return {name: (name in required, shape_of_schema(field)) for name, field in schema.get("properties", {}).items()}
        case {"type": "array"}:
            return ["array", schema.get("minItems"), shape_of_schema(schema["items"])]
        case {"enum": values}:
            return ["enum", *sorted(values)]
        case {"format": "date-time"}:
            return ["date-time"]
        case {"type": "string"}:
            return ["string", schema.get("maxLength")]
        case {"type": "integer"}:
            return ["integer", schema["minimum"], schema["maximum"]]
    return [schema["type"]]


def shape_of_struct(kind: inspect.Type) -> Any:
    """What the struct says, in the same words."""
    match kind:
        case inspect.StructType(cls):
            assert cls.__struct_config__.forbid_unknown_fields, f"{cls.__name__} is not closed"
            return {field.encode_name: (field.required, shape_of_struct(field.type)) for field in inspect.type_info(cls).fields}  # type: ignore[attr-defined]  # a StructType has them
        case inspect.Metadata(type=marked):
            return shape_of_struct(marked)
        case inspect.UnionType(types):
            (only,) = [one for one in types if not isinstance(one, inspect.NoneType)]
            return shape_of_struct(only)
        case inspect.ListType(item_type=item, min_length=min_length):
            return ["array", min_length, shape_of_struct(item)]
        case inspect.EnumType(cls):
            return ["enum", *sorted(member.value for member in cls)]
        case inspect.DateTimeType(tz=tz):
            assert tz is True, "an instant needs its zone"
            return ["date-time"]
        case inspect.StrType(max_length=max_length):
            return ["string", max_length]
        case inspect.IntType(ge=ge, le=le):
            return ["integer", ge, le]
        case inspect.BoolType():
            return ["boolean"]
        case inspect.FloatType():
            return ["number"]
    raise AssertionError(f"a struct of an unknown kind: {kind}")


def test_every_action_has_its_schemas_and_its_structs():
    """All 39 actions, requests and responses, and none besides (ocpp16-messages.md, section 1)."""
    assert len(ACTIONS) == 39
    assert len(NAMES) == 78
    assert set(REQUESTS) == set(ACTIONS)


@pytest.mark.parametrize("name", NAMES)
def test_a_struct_has_the_fields_of_its_schema(name):
    """The same names, required or not, lengths, values, bounds: whatever the schema or the specification says (RPC-13, RPC-14)."""
    assert shape_of_struct(inspect.type_info(struct_of(name))) == shape_of_schema(demanded(name))


@pytest.mark.parametrize("deviation", DEVIATIONS, ids=lambda deviation: deviation.why)
def test_every_deviation_is_still_needed(deviation):
    """When the files are mended the table must shrink."""
    def changes(path: Path, field: Schema, parent: Schema) -> bool:
        if not deviation.where(path, field, parent):
            return False
        unwanted = deviation.change.get("without")
        return unwanted in field["enum"] if unwanted else any(field.get(key) != value for key, value in deviation.change.items())

    assert any(changes(*place) for name in NAMES for place in fields(published(name)))


def test_each_side_sends_what_the_specification_lists():
    """Direction by direction as the specification lists them; DataTransfer goes both ways (ocpp16-messages.md, section 1)."""
    assert {
        "Authorize", "BootNotification", "DataTransfer", "DiagnosticsStatusNotification", "FirmwareStatusNotification", "Heartbeat",
        "LogStatusNotification", "MeterValues", "SecurityEventNotification", "SignCertificate", "SignedFirmwareStatusNotification",
        "StartTransaction", "StatusNotification", "StopTransaction",
    } == FROM_CHARGE_POINT
    assert {
        "CancelReservation", "CertificateSigned", "ChangeAvailability", "ChangeConfiguration", "ClearCache", "ClearChargingProfile",
        "DataTransfer", "DeleteCertificate", "ExtendedTriggerMessage", "GetCompositeSchedule", "GetConfiguration", "GetDiagnostics",
        "GetInstalledCertificateIds", "GetLocalListVersion", "GetLog", "InstallCertificate", "RemoteStartTransaction",
        "RemoteStopTransaction", "ReserveNow", "Reset", "SendLocalList", "SetChargingProfile", "SignedUpdateFirmware", "TriggerMessage",
        "UnlockConnector", "UpdateFirmware",
    } == FROM_CENTRAL_SYSTEM


def test_a_message_cannot_be_changed_once_made():
    """A message that was decided on does not change on its way (house rule of all records)."""
    assert all(kind.__struct_config__.frozen and issubclass(kind, msgspec.Struct)
               for request in REQUESTS.values() for kind in (request, request.response))
