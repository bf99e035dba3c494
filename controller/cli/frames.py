"""One OCPP frame as one readable line."""

from typing import Any

from controller.csms.embedded import CALL, ERROR, Frame

WIDTH = 118


def line(frame: Frame) -> str:
    """`CP -> CS  StartTransaction  connector 1, idTag 04A1, ...`."""
    arrow = "CS -> CP" if frame.outward else "CP -> CS"
    kind = {CALL: frame.action, ERROR: f"{frame.action}: error"}.get(frame.kind, f"{frame.action}.conf")
    text = f"{arrow}  {kind:<26} {_fields(frame.payload)}".rstrip()
    return text if len(text) <= WIDTH else text[: WIDTH - 3] + "..."


def _fields(payload: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_value(value)}" for name, value in payload.items() if name != "timestamp")


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + _fields(value) + "}"
    if isinstance(value, list):
        if value and isinstance(value[0], dict) and "sampledValue" in value[0]:
            return _samples(value)
        return "[" + ", ".join(_value(item) for item in value[:3]) + ("..." if len(value) > 3 else "") + "]"
    return str(value)


def _samples(values: list[dict[str, Any]]) -> str:
    """The totals of the newest meter value; the rest is for machines."""
    shown = [f"{sample['value']} {sample.get('unit', '')}".strip() for sample in values[-1]["sampledValue"]
             if "phase" not in sample]
    when = str(values[-1].get("timestamp", ""))[11:19]
    return f"[{when} {', '.join(shown)}]"
