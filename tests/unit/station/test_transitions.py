"""The transition matrix of the standard: the program's table against it, the ways through it, and a station at random."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.faults import FaultKind
from controller.guard.messages import Pilot
from controller.ocpp.messages.core import (
    ChangeAvailabilityReq,
    RemoteStartTransactionReq,
    RemoteStopTransactionReq,
    StatusNotificationReq,
    UnlockConnectorReq,
)
from controller.ocpp.types import AvailabilityType
from controller.ocpp.types import ChargePointErrorCode as C
from controller.ocpp.types import ChargePointStatus as S
from controller.station.transitions import TRANSITIONS, path
from tests.unit.station.conversation import Conversation, configuration
from tests.unit.station.transition_oracle import CELLS, DEFINED, undefined_steps


@pytest.mark.parametrize(("pair", "cell"), CELLS.items(), ids=[f"{a}-{b}" for a, b in CELLS])
def test_the_table_is_the_matrix_of_the_standard(pair: tuple[S, S], cell: str) -> None:
    """Every cell: defined where the standard has a code, and nowhere else (STAT-6)."""
    assert (pair[1] in TRANSITIONS[pair[0]]) == (cell not in (".", "-"))


@pytest.mark.parametrize("pair", CELLS, ids=[f"{a}-{b}" for a, b in CELLS])
def test_a_way_takes_defined_steps_and_arrives(pair: tuple[S, S]) -> None:
    """Defined transitions are told straight; others over the fewest statuses, never over Faulted (STAT-6, STAT-7)."""
    told, now = pair
    way = list(path(told, now))
    if told is now:
        assert way == []
    else:
        assert way[-1] is now
        assert undefined_steps([told, *way]) == []
        assert len(way) == 1 if pair in DEFINED else len(way) in (2, 3)
        assert S.Faulted not in way[:-1]


@pytest.mark.parametrize(("told", "now", "way"), [
    (S.Preparing, S.Unavailable, (S.Available, S.Unavailable)),
    (S.Finishing, S.Charging, (S.Preparing, S.Charging)),
    (S.Reserved, S.Charging, (S.Preparing, S.Charging)),
    (S.Finishing, S.SuspendedEV, (S.Preparing, S.SuspendedEV)),
    (S.Finishing, S.Reserved, (S.Available, S.Reserved)),
    (S.Unavailable, S.Finishing, (S.Preparing, S.Finishing)),
])
def test_where_there_is_no_step_the_way_makes_sense(told: S, now: S, way: tuple[S, ...]) -> None:
    """No B8, no F7, no Reserved to Charging, no Finishing to Charging (STAT-7)."""
    assert (told, now) not in DEFINED
    assert path(told, now) == way


STORY = st.lists(st.sampled_from([
    "plug", "power", "relax", "unplug", "card", "other card", "remote start", "remote stop", "inoperative", "operative",
    "all inoperative", "all operative", "fault", "warning", "ending fault", "pilot", "clear", "unlock", "wait", "long wait",
    "restart",
]), max_size=25)


def play(conversation: Conversation, scene: str) -> None:
    """One thing that can happen at a charge point."""
    plug = conversation.plugs[1]
    faults = {"clear": [], "fault": [FaultKind.TEMPERATURE], "warning": [FaultKind.LOCK_STUCK], "pilot": [FaultKind.PILOT],
              "ending fault": [FaultKind.RCD]}
    match scene:
        case "plug" | "unplug":
            conversation.change(pilot=Pilot.B if scene == "plug" else Pilot.A)
        case "power" if plug.pilot is not Pilot.A:
            conversation.request_power()
        case "relax" if plug.pilot is Pilot.C:
            conversation.plug_in()
        case "card" | "other card":
            conversation.card("TAG1" if scene == "card" else "TAG2")
        case "remote start":
            conversation.call(RemoteStartTransactionReq(id_tag="TAG3", connector_id=1))
        case "remote stop":
            conversation.call(RemoteStopTransactionReq(transaction_id=conversation.next_transaction_id - 1))
        case "inoperative" | "operative" | "all inoperative" | "all operative":
            wanted = AvailabilityType.Inoperative if scene.endswith("inoperative") else AvailabilityType.Operative
            conversation.call(ChangeAvailabilityReq(connector_id=0 if scene.startswith("all") else 1, type=wanted))
        case "unlock":
            conversation.call(UnlockConnectorReq(connector_id=1))
        case "wait" | "long wait":
            conversation.pass_time(1 if scene == "wait" else 15)
        case "restart":
            conversation.restart(after_s=3)
            conversation.connect()
        case _ if scene in faults:
            conversation.change(faults=frozenset(faults[scene]))


@settings(derandomize=True, deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=STORY)
def test_whatever_happens_only_defined_transitions_are_told(tmp_path: Path, story: list[str]) -> None:
    """No story leads over a step that the matrix does not have; connector 0 knows three statuses (STAT-2, STAT-6).

    Faulted always names an error, and EVCommunicationError comes with nothing but the four statuses of STAT-10 (STAT-9).
    """
    conversation = Conversation(configuration(tmp_path, ocpp="ConnectionTimeOut = 10"))
    conversation.connect()
    for scene in story:
        before = len(conversation.statuses())
        play(conversation, scene)
        told = conversation.statuses()
        # After a restart everything is told anew, from whatever was true before.
        assert undefined_steps(told[before:] if scene == "restart" else told[max(before - 1, 0):]) == [], story
    assert set(conversation.statuses(0)) <= {S.Available, S.Unavailable, S.Faulted}
    for told_of in conversation.of(StatusNotificationReq):
        assert told_of.status is not S.Faulted or told_of.error_code is not C.NoError
        assert told_of.error_code is not C.EVCommunicationError or told_of.status in (
            S.Preparing, S.SuspendedEV, S.SuspendedEVSE, S.Finishing)
