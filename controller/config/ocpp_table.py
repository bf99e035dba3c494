"""The `[ocpp]` table: first-start values of configuration keys, checked by the rows of the key table."""

from controller.config.model import Configuration
from controller.station.keys import Key, keys_for


def first_values(configuration: Configuration, found: object) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """The values by exact key name in OCPP's text form, and a list of (key as written, what is wrong)."""
    if not isinstance(found, dict):
        return {}, [("", "is no table; allowed: OCPP keys and their values")]
    table = keys_for(configuration)
    exact = {name.lower(): name for name in table}
    values: dict[str, str] = {}
    problems: list[tuple[str, str]] = []
    for written, value in found.items():
        name = exact.get(written.lower())
        if name is None:
            problems.append((written, "is no configuration key of this charge point (see docs/reference/ocpp-keys.md)"))
            continue
        if name in values:
            problems.append((written, f"is {name} once more; allowed: each key once, in whatever letter case"))
            continue
        try:
            values[name] = _text(table[name], value)
        except ValueError as error:
            problems.append((written, str(error)))
    return values, problems


def _text(row: Key, value: object) -> str:
    if not row.configurable:
        message = "is told by the hardware and cannot be set"
        raise ValueError(message)
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, int | str):
        text = str(value)
    else:
        message = f"{value!r} is neither integer, boolean nor string; allowed: {row.allowed}"
        raise ValueError(message)
    if row.kind == "boolean" and isinstance(value, int) and not isinstance(value, bool):
        message = f"{value!r} is an integer; allowed: {row.allowed}"
        raise ValueError(message)
    return row.check(text)
