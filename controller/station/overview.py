"""What the status page, `evcp status` and `GET /api/v1/status` show of the station."""

from collections.abc import Sequence

from controller.ocpp.types import ChargePointErrorCode
from controller.records import Reservation
from controller.station.central_system import CentralSystem
from controller.station.connector import Connector
from controller.station.fault_board import FaultBoard
from controller.station.reservation_book import ReservationBook
from controller.station.set_aside import SetAside
from controller.station.settings import Settings
from controller.station.status_notifications import StatusNotifications
from controller.station.tamper import Tamper
from controller.station.wear import Wear

RECOMMENDED_SECURITY_PROFILE = 2


class Overview:
    """Reads every feature, changes none."""

    def __init__(self, connectors: Sequence[Connector], settings: Settings, central_system: CentralSystem,
                 faults: FaultBoard, status: StatusNotifications, tamper: Tamper, set_aside: SetAside, book: ReservationBook,
                 wear: Wear) -> None:
        self._connectors = list(connectors)
        self._settings = settings
        self._central_system = central_system
        self._faults = faults
        self._status = status
        self._tamper = tamper
        self._set_aside = set_aside
        self._book = book
        self._wear = wear

    def as_object(self) -> dict[str, object]:
        """The station's part of the status, ready for JSON."""
        registration = self._central_system.registration
        return {
            "stand_alone": self._central_system.stand_alone,
            "registration": str(registration) if registration is not None else None,
            "queue_length": self._central_system.queue_length,
            "error_code": str(self._status.present(0).error_code),
            "connectors": [self._connector(connector) for connector in self._connectors],
            "reservations": [_reservation(row) for row in self._book.all()],
            "warnings": self._warnings(),
        }

    def status_of(self, connector_id: int) -> str:
        """The connector's present status, told or not: what its lamp shows."""
        return str(self._status.present(connector_id).status)

    def _connector(self, connector: Connector) -> dict[str, object]:
        told = self._status.present(connector.connector_id)
        transaction, reading, report = connector.transaction, connector.reading, connector.report
        return {
            "id": connector.connector_id,
            "status": str(told.status),
            "error_code": str(told.error_code),
            "fault": told.fault.value if told.fault is not None else None,
            "info": told.info,
            "transaction_id": transaction.transaction_id if transaction is not None else None,
            "id_tag": transaction.id_tag if transaction is not None else None,
            "offered_a": report.offered_a if report is not None else 0.0,
            "power_w": reading.power_w if reading is not None else None,
            "energy_wh": reading.energy_wh if reading is not None else None,
            "session_wh": self._session_wh(connector),
            "pilot": report.pilot.value if report is not None else None,
            "contactor": report.contactor_closed if report is not None else None,
            "temperature_c": report.temperature_c if report is not None else None,
            "contactor_closures": self._wear.closures(connector.connector_id),
            "plugged": connector.plugged,
        }

    @staticmethod
    def _session_wh(connector: Connector) -> float | None:
        if connector.transaction is None or connector.reading is None:
            return None
        return max(0.0, connector.reading.energy_wh - connector.transaction.meter_start_wh)

    def _warnings(self) -> list[str]:
        """What a person should know; an unencrypted connection among it (WS-15)."""
        warnings = list(self._settings.warnings())
        profile = self._settings.integer("SecurityProfile")
        if profile < RECOMMENDED_SECURITY_PROFILE:
            warnings.append(f"security profile {profile}: the connection is not encrypted and verified; use 2 or 3")
        if self._faults.storage_failure is not None:
            warnings.append(f"nothing can be stored: {self._faults.storage_failure}")
        if self._central_system.full:
            warnings.append("the queue of transaction messages is full: no new session starts until some are delivered")
        warnings += [*self._tamper.warnings(), *self._set_aside.warnings()]
        charge_point = self._status.present(0)
        if charge_point.error_code is not ChargePointErrorCode.NoError:
            warnings.append(f"charge point: {charge_point.error_code} ({charge_point.info})")
        return warnings


def _reservation(row: Reservation) -> dict[str, object]:
    """Connector 0 means any of them."""
    return {"reservation_id": row.reservation_id, "connector_id": row.connector_id, "id_tag": row.id_tag,
            "parent_id_tag": row.parent_id_tag, "expiry_date": row.expiry_date.isoformat()}
