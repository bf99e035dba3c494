"""Over weeks, whatever happens: each session is told once, billed once, and no connector is stuck. A whole charge point, in virtual time.

`EVCP_STORIES=2000 pytest tests/properties/test_weeks.py` looks for longer, `EVCP_FIRST_TURN=1000` at other stories.
"""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.properties.weeks import CLOCKS, CONNECTORS, HOUR_S, STANDING, TAGS, TIMED, Move, Weeks, unhurried
from tests.rig.loop import run_virtual

STORIES = int(os.environ.get("EVCP_STORIES", "30"))
FIRST = int(os.environ.get("EVCP_FIRST_TURN", "0"))
IN_A_TURN = 10
DAY_S = 24 * HOUR_S

connectors, tags = st.sampled_from(CONNECTORS), st.sampled_from(TAGS)
onoff, lasting = st.sampled_from(["true", "false"]), st.sampled_from([3.0, 45.0, 600.0, 5 * HOUR_S])
moments = st.sampled_from([1.0, 3.0, 12.0, 40.0, 90.0, 600.0, HOUR_S, 5 * HOUR_S, 9 * HOUR_S, DAY_S, 2 * DAY_S, 3 * DAY_S, 4 * DAY_S])
statuses = st.sampled_from(["Invalid", "Blocked", "Expired", "ConcurrentTx", "refused", "silence", "late", "twice", "garbage"])
KEYS = {
    "StopTransactionOnInvalidId": onoff, "LocalPreAuthorize": onoff, "AllowOfflineTxForUnknownId": st.sampled_from(["true", "true", "false"]),
    "LocalAuthorizeOffline": onoff, "MaxEnergyOnInvalidId": st.sampled_from(["0", "500"]), "AuthorizationCacheEnabled": onoff,
    "TransactionMessageAttempts": st.sampled_from(["1", "2", "5"]), "TransactionMessageRetryInterval": st.sampled_from(["0", "10", "60"]),
    "MeterValueSampleInterval": st.sampled_from(["0", "600", "3600"]), "StopTransactionOnEVSideDisconnect": onoff,
    "UnlockConnectorOnEVSideDisconnect": onoff, "AuthorizeRemoteTxRequests": onoff, "MinimumStatusDuration": st.sampled_from(["0", "5"]),
    "ClockAlignedDataInterval": st.sampled_from(["0", "3600"]),
    "StopTxnSampledData": st.sampled_from(["", "Energy.Active.Import.Register"]),
}


def move(name: str, *arguments: st.SearchStrategy[Any], then: st.SearchStrategy[float] = moments) -> st.SearchStrategy[Move]:
    """One kind of move."""
    return st.tuples(st.just(name), st.tuples(*arguments), then)


sessions = move("charge", connectors, tags, st.sampled_from([6.0, 16.0, 32.0]), st.sampled_from(["cable", "cable", "card"]))
leaving = move("leave", connectors, st.sampled_from(["own", "own", "family"]))
people = (move("card", tags, st.sampled_from([[1], [2], [1, 2]])) | move("plug", connectors, st.just(32.0), st.integers(1, 3), st.just(1.0))
          | move("unplug", connectors) | move("car", connectors, st.sampled_from(["B", "C"])))
commands = (move("remote_start", tags, st.none() | connectors) | move("remote_stop", connectors) | move("unlock", connectors)
            | move("reset", st.sampled_from(["Soft", "Hard"])) | move("clear_cache") | move("trigger", st.sampled_from(["MeterValues", "Heartbeat"]))
            | move("availability", st.sampled_from([0, *CONNECTORS]), st.sampled_from(["Inoperative", "Operative", "Operative"]))
            | move("reserve", st.sampled_from([0, *CONNECTORS]), tags, st.sampled_from([60.0, HOUR_S]))
            | move("send_list", st.sampled_from(["Full", "Differential"]), st.lists(st.sampled_from(["ANNA", "BERT", "CARL", "EVIL"]), unique=True),
                   st.sampled_from([None, "Accepted", "Blocked"])))
keys = st.sampled_from(sorted(KEYS)).flatmap(lambda key: move("configure", st.just(key), KEYS[key]))
answers = (move("answers", st.sampled_from(["StartTransaction", "StartTransaction", "Authorize", "StopTransaction", "MeterValues"]), statuses, st.integers(1, 4))
           | move("boot", st.sampled_from(["Pending", "Rejected", "silence", "refused"]), st.integers(1, 2)))
networks = move("network", st.sampled_from(["up", "up", "up", "down", "refuses", "half open", "flaps"]))
deaths = move("dies", st.sampled_from(["killed", "killed", "ended", "power cut", "power cut"]), st.sampled_from([2.0, 30.0, HOUR_S, 2 * DAY_S]),
              st.sampled_from(sorted(CLOCKS)))
faults = (move("fault", st.sampled_from(STANDING), connectors, st.none() | lasting) | move("meter", connectors, lasting)
          | move("fault", st.sampled_from(TIMED), connectors, st.sampled_from([0.2, 3.0, 15.0])))
clocks = move("central_clock", st.sampled_from([2.0, -2.0, HOUR_S, -HOUR_S, DAY_S])) | move("machine_clock", st.sampled_from([5.0, -HOUR_S, DAY_S]))
trouble = st.sampled_from([answers, answers, networks, networks, deaths, deaths, deaths, faults, clocks, keys, commands]).flatmap(lambda kind: kind)
ending = st.sampled_from([leaving, leaving, leaving, people, commands, deaths]).flatmap(lambda kind: kind)
days = st.tuples(trouble, sessions, trouble, sessions | people, trouble, ending)
"""Nothing but trouble; some come to charge, some leave, and others are left standing."""
stories = st.lists(days, min_size=2, max_size=9).map(lambda story: [each for day in story for each in day])


async def _live(world: Weeks, story: list[Move], **habits: Any) -> None:
    await world.begin(**habits)
    for each in story:
        await world.play(each)
    await world.end_well()


def _story(turn: int) -> Callable[[], None]:
    """Some stories; every turn has others, and the same ones every time."""
    @seed(turn)
    @given(story=stories, after_power_loss=st.sampled_from(["stop", "resume"]), on_meter_loss=st.sampled_from(["stop", "continue"]),
           before_accepted=st.booleans())
    @settings(deadline=None, max_examples=IN_A_TURN, suppress_health_check=list(HealthCheck), database=None)
    def told(story: list[Move], **habits: Any) -> None:
        with TemporaryDirectory() as folder, unhurried():
            run_virtual(_live(Weeks(Path(folder)), story, **habits))
    return told


@pytest.mark.parametrize("turn", range(FIRST, FIRST + STORIES // IN_A_TURN))
def test_over_weeks_each_session_is_told_once_and_billed_once(turn: int) -> None:
    """Invariants of any run (TXN-10, TXN-11, TXN-12, TXN-21, QUE-2, QUE-3, QUE-11, QUE-12, MTR-9, PWR-2, RPC-3, RPC-4, STAT-6).

    Every promise on the disk is answered once or among the dead letters, in one order; start, values, stop of a session carry one
    id; the end of each is the start of the next on the register, which is what the outlet has delivered; the reason is one that
    happened. Everything mended, all is told, both connectors are Available and charge again.
    """
    _story(turn)()
