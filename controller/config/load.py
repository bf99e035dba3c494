"""Reads the configuration file and finds every mistake in it, each with its line (F-CFG)."""

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from controller import __version__
from controller.config import model
from controller.config.positions import Place, positions
from controller.config.schema import CONNECTOR, READER, SITE_METER, TABLES, TEMPERATURE, Row
from controller.errors import ConfigurationError

MAX_BYTES = 1_000_000
"""A configuration file is a few kilobytes; a larger one is a mistake."""
PATHS = (("storage", "directory"), ("guard", "socket"), ("control", "socket"))
LISTS = {"connector", "reader"}
BASIC_AUTHENTICATION = ("1", "2")
_BARE = re.compile(r"[A-Za-z0-9_-]+")

CONTROLLERS_DEVICES = ("meter", "reader", "site_meter", "lights", "buzzer", "tamper")
"""Devices that the guard never touches; their drivers load an event loop, which has no place in its memory."""


def load(path: str | os.PathLike[str], *, with_ocpp: bool = True) -> model.Configuration:
    """The checked configuration. Raises ConfigurationError with a line for every mistake.

    Without `with_ocpp` the `[ocpp]` table is passed over: the guard neither needs it nor loads the keys to judge it.
    """
    reading = _Reading(os.path.abspath(path), with_ocpp=with_ocpp)
    configuration = reading.configuration()
    if reading.problems or configuration is None:
        raise ConfigurationError(reading.sorted_problems())
    return configuration


def check(path: str | os.PathLike[str]) -> list[str]:
    """Every mistake as `file:line: table.key: what is wrong, what is allowed`; empty when there is none."""
    try:
        load(path)
    except ConfigurationError as error:
        return error.problems
    return []


class _Reading:
    """One pass over one file."""

    def __init__(self, path: str, *, with_ocpp: bool) -> None:
        self._path = path
        self._with_ocpp_table = with_ocpp
        self._lines: dict[Place, int] = {}
        self.problems: list[tuple[int, str]] = []

    def sorted_problems(self) -> list[str]:
        """In the order of the file."""
        return [f"{self._path}:{line}: {what}" for line, what in sorted(self.problems, key=lambda problem: problem[0])]

    def _wrong(self, place: Place, what: str) -> None:
        """Note a mistake at `place`; what is missing is told at the line of its table, else line 1."""
        line = next((self._lines[place[:n]] for n in range(len(place), 0, -1) if place[:n] in self._lines), 1)
        name = ".".join(part if _BARE.fullmatch(part) else repr(part[:40]) for part in place if isinstance(part, str))
        self.problems.append((line, f"{name}: {what}" if name else what))

    # -- the file ----------------------------------------------------------------------------------------------------

    def _document(self) -> dict[str, Any] | None:
        try:
            with open(self._path, "rb") as file:
                content = file.read(MAX_BYTES + 1)
        except OSError as error:
            self.problems.append((1, f"cannot be read: {error.strerror or error}"))
            return None
        if len(content) > MAX_BYTES:
            self.problems.append((1, f"is larger than {MAX_BYTES} bytes; that is no configuration"))
            return None
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            self.problems.append((line, "is not UTF-8 text"))
            return None
        try:
            document = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
            self.problems.append((_line_of(error, text), f"is not TOML: {error}"))
            return None
        self._lines = positions(text)
        return document

    def configuration(self) -> model.Configuration | None:
        """The typed configuration; where there are `problems`, with the default or nothing in the place of what is wrong."""
        document = self._document()
        if document is None:
            return None
        for name in document:
            if name not in TABLES and name not in LISTS and name != "ocpp":
                self._unknown((name,), name, [*TABLES, *LISTS, "ocpp"], "table")
        tables = {name: self._table(document.get(name, {}), (name,), rows, also=_nested(name))
                  for name, rows in TABLES.items()}
        connectors = self._connectors(document.get("connector"))
        readers = self._readers(document.get("reader", []), {row.id for row in connectors})
        site_meters = self._site_meters(document.get("site", {}))
        configuration = self._compose(tables, connectors, readers, site_meters)
        if self._with_ocpp_table and connectors:
            configuration = self._with_ocpp(configuration, document.get("ocpp", {}))
        if self._with_ocpp_table and not self.problems:
            self._pins(configuration)
        return configuration

    def _pins(self, configuration: model.Configuration) -> None:
        """Two devices that want one line: told at the connector, or the reader, that came second."""
        from drivers.pins import of_configuration, used_twice

        devices = ((row.id, row.devices()) for row in configuration.connector)
        for sentence in used_twice(of_configuration(devices, [row.device for row in configuration.reader])):
            self._wrong(("connector", 0), f"{sentence}; allowed: one device per line (see evcp config pins)")

    def _unknown(self, place: Place, name: str, known: Iterable[str], what: str) -> None:
        import difflib

        near = difflib.get_close_matches(name, list(known), n=1)
        hint = f'; did you mean "{near[0]}"?' if near else f"; allowed: {', '.join(sorted(known))}"
        self._wrong(place, f"unknown {what}{hint}")

    def _table(self, found: object, place: Place, rows: tuple[Row, ...], also: tuple[str, ...] = ()) -> dict[str, Any]:
        """The values of a table by its rows, with defaults where nothing is written."""
        if not isinstance(found, dict):
            self._wrong(place, "is no table; allowed: a table")
            found = {}
        names = [row.name for row in rows]
        for name in found:
            if name not in names and name not in also:
                self._unknown((*place, name), name, [*names, *also], "key")
        return {row.name: self._value(found, place, row) for row in rows}

    def _value(self, found: Mapping[str, Any], place: Place, row: Row) -> Any:
        if row.name not in found:
            if row.required:
                self._wrong((*place, row.name), f"is missing; allowed: {row.allowed}")
            return None if row.required else row.default
        try:
            return row.check(found[row.name])
        except ValueError as error:
            self._wrong((*place, row.name), str(error))
            return row.default if not row.required else None

    # -- lists of tables ---------------------------------------------------------------------------------------------

    def _list(self, found: object, place: Place) -> list[Any]:
        if not isinstance(found, list):
            self._wrong(place, f"is no list of tables; allowed: [[{place[-1]}]]")
            return []
        return found

    def _connectors(self, found: object) -> list[model.Connector]:
        """One for every table, also where it is wrong: a mistake in it must not raise a second one elsewhere."""
        if found is None:
            self._wrong(("connector",), "is missing; allowed: one [[connector]] per outlet, with id, contactor, pilot, meter")
            return []
        connectors = []
        for index, table in enumerate(self._list(found, ("connector",))):
            place: Place = ("connector", index)
            values = self._table(table, place, CONNECTOR)
            values["temperature"], limits = self._temperature(values["temperature"], place)
            self._devices(values, place)
            if values["id"] is not None and values["id"] != index + 1:
                self._wrong((*place, "id"), f"{values['id']} is out of order; allowed: 1, 2, ... without gaps")
            connectors.append(model.Connector(**values | {"id": index + 1}, temperature_limits=limits,
                                              measured=self._measured(values["meter"], values["temperature"])))
            self._cable_and_lock(connectors[-1], place)
        if found == []:
            self._wrong(("connector",), "is empty; allowed: one [[connector]] per outlet")
        return connectors

    def _measured(self, meter: Mapping[str, object] | None, sensor: Mapping[str, object] | None) -> frozenset[str]:
        """What meter and sensor can tell: the measurand keys of `[ocpp]` and of OCPP take no more than that."""
        if not self._with_ocpp_table:
            return frozenset()
        from drivers import registry
        from drivers.errors import Misconfigured

        try:
            return registry.quantities("meter", meter or {}) | ({"temperature_c"} if sensor is not None else set())
        except Misconfigured:
            from drivers.meter.register_map import QUANTITIES

            return QUANTITIES  # its own mistake is told already

    def _cable_and_lock(self, connector: model.Connector, place: Place) -> None:
        if connector.cable == "tethered" and connector.lock["driver"] != "none":
            self._wrong((*place, "lock"), 'a tethered cable has no lock; allowed: { driver = "none" }')

    def _temperature(self, slot: dict[str, object] | None, place: Place) -> tuple[dict[str, object] | None,
                                                                                  model.TemperatureLimits]:
        """The sensor's table for its driver, and the limits that stand in it."""
        if slot is None:
            return None, model.TemperatureLimits()
        names = [row.name for row in TEMPERATURE]
        written = {name: slot[name] for name in names if name in slot}
        limits = model.TemperatureLimits(**self._table(written, (*place, "temperature"), TEMPERATURE))
        if limits.derate_to_c <= limits.derate_from_c:
            self._wrong((*place, "temperature", "derate_to_c"), "is not above derate_from_c; allowed: above that")
        if limits.stop_c < limits.derate_to_c:
            self._wrong((*place, "temperature", "stop_c"), "is below derate_to_c; allowed: at least that")
        return {name: value for name, value in slot.items() if name not in names}, limits

    def _devices(self, values: Mapping[str, Any], place: Place) -> None:
        for slot in model.DEVICE_SLOTS:
            if values[slot] is not None:
                self._device(slot, values[slot], (*place, slot))

    def _device(self, kind: str, options: Mapping[str, object], place: Place) -> None:
        """Have the driver check its own options; the guard leaves the controller's devices, and what they load, alone."""
        if not self._with_ocpp_table and kind in CONTROLLERS_DEVICES:
            return
        from drivers import registry
        from drivers.errors import Misconfigured

        try:
            registry.check(kind, options)
        except Misconfigured as error:
            self._wrong((*place, error.key) if error.key else place, str(error))

    def _readers(self, found: object, known: set[int]) -> list[model.Reader]:
        readers = []
        for index, table in enumerate(self._list(found, ("reader",))):
            place: Place = ("reader", index)
            if not isinstance(table, dict) or not isinstance(table.get("driver"), str):
                self._wrong((*place, "driver"), 'is missing; allowed: the name of a driver, e.g. "sim"')
                continue
            options = {name: value for name, value in table.items() if name != "connectors"}
            values = self._table({"connectors": table["connectors"]} if "connectors" in table else {}, place, READER)
            for connector_id in values["connectors"]:
                if connector_id not in known and known:
                    self._wrong((*place, "connectors"), f"{connector_id} is no connector; allowed: {sorted(known)}")
            self._device("reader", options, place)
            readers.append(model.Reader(options, values["connectors"]))
        return readers

    def _site_meters(self, site: object) -> list[model.SiteMeter]:
        meters = []
        found = site.get("meter", []) if isinstance(site, dict) else []
        for index, table in enumerate(self._list(found, ("site", "meter"))):
            place: Place = ("site", "meter", index)
            if not isinstance(table, dict) or not isinstance(table.get("driver"), str):
                self._wrong((*place, "driver"), 'is missing; allowed: the name of a driver, e.g. "sim"')
                continue
            names = [row.name for row in SITE_METER]
            options = {name: value for name, value in table.items() if name not in names}
            values = self._table({name: table[name] for name in names if name in table}, place, SITE_METER)
            self._device("site_meter", options, place)
            meters.append(model.SiteMeter(options, values["fuse_a"], values["fallback_a"]))
        if len(meters) > 1:
            self._wrong(("site", "meter", 1), "is a second grid meter; allowed: one")
        return meters

    # -- the whole ---------------------------------------------------------------------------------------------------

    def _compose(self, tables: dict[str, dict[str, Any]], connectors: list[model.Connector], readers: list[model.Reader],
                 site_meters: list[model.SiteMeter]) -> model.Configuration:
        directory = os.path.dirname(self._path)
        for table, key in PATHS:
            tables[table][key] = os.path.normpath(os.path.join(directory, tables[table][key]))
        csms = tables["csms"]
        csms["certificates_directory"] = os.path.join(tables["storage"]["directory"], csms["certificates_directory"])
        if csms["reconnect_max_s"] < csms["reconnect_min_s"]:
            self._wrong(("csms", "reconnect_max_s"), "is below reconnect_min_s; allowed: at least that")
        if not tables["charge_point"]["firmware_version"]:
            tables["charge_point"]["firmware_version"] = __version__
        return model.Configuration(
            path=self._path, directory=directory, ocpp={}, connector=tuple(connectors), reader=tuple(readers),
            charge_point=model.ChargePoint(**tables["charge_point"]), csms=model.Csms(**csms),
            site=model.Site(**tables["site"], meter=tuple(site_meters)), storage=model.Storage(**tables["storage"]),
            charging=model.Charging(**tables["charging"]), guard=model.GuardSettings(**tables["guard"]),
            control=model.Control(**tables["control"]), log=model.Log(**tables["log"]),
            smart_charging=model.SmartCharging(**tables["smart_charging"]),
            firmware=model.FirmwareSettings(**tables["firmware"]), simulation=model.Simulation(**tables["simulation"]),
        )

    def _with_ocpp(self, configuration: model.Configuration, found: object) -> model.Configuration:
        """Take the `[ocpp]` table over the table of keys, which depends on the rest of the configuration."""
        from controller.config.ocpp_table import first_values

        values, problems = first_values(configuration, found)
        for name, what in problems:
            self._wrong(("ocpp", name) if name else ("ocpp",), what)
        identity, key = configuration.charge_point.identity or "", values.get("AuthorizationKey", "")
        profile = values.get("SecurityProfile", "0")
        if ":" in identity and (key or profile in BASIC_AUTHENTICATION):
            self._wrong(("charge_point", "identity"), "has a colon, which HTTP Basic authentication cannot carry")
        if profile in BASIC_AUTHENTICATION and not key:
            self._wrong(("ocpp", "SecurityProfile"), f"{profile} needs a password; set AuthorizationKey too")
        return _replaced(configuration, values)


def _replaced(configuration: model.Configuration, ocpp: dict[str, str]) -> model.Configuration:
    import msgspec

    return msgspec.structs.replace(configuration, ocpp=ocpp)


def _nested(table: str) -> tuple[str, ...]:
    return ("meter",) if table == "site" else ()


def _line_of(error: Exception, text: str) -> int:
    """The line that tomllib's message ends with; the last line when it speaks of the end of the document."""
    words = str(error).replace(",", " ").replace(")", " ").split()
    if "line" in words and words[words.index("line") + 1].isdigit():
        return int(words[words.index("line") + 1])
    return text.rstrip().count("\n") + 1 if "end of document" in str(error) else 1
