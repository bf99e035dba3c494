"""Whatever happens, in whatever order: each session is told once and billed once, and no connector is stuck.

Users, cards, cars, outages, restarts, power cuts, dying guards, silent meters and every mood of the central system, by
chance but repeatable. What must hold at every moment is checked after every move; the rest when all is well again.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.guard.messages import Pilot
from controller.ocpp.types import RegistrationStatus, ResetType
from tests.unit.station.world_of_chance import BAD, World

Move = tuple[str, tuple[object, ...]]

connector = st.sampled_from([1, 2])
tag = st.sampled_from(["TAG1", "TAG2", "TAG3", BAD])
which = st.integers(0, 7)


def move(name: str, *arguments: st.SearchStrategy[object]) -> st.SearchStrategy[Move]:
    """One method of the world, with arguments by chance."""
    return st.tuples(st.just(name), st.tuples(*arguments))


sessions = move("a_user_charges", connector, tag)
leaving = move("a_user_leaves", connector)
time = move("time_passes", st.sampled_from([0.5, 2.0, 9.0, 25.0, 70.0]))
people = st.one_of(
    move("card", tag, st.sampled_from([(), (1,), (2,)])),
    move("car", connector, st.sampled_from([Pilot.A, Pilot.B, Pilot.C])),
    move("a_car_turns_stubborn", connector),
)
central_system = st.one_of(
    move("the_central_system_changes_its_mood", st.sampled_from(["friendly", "friendly", "invalid", "refusing", "silent"])),
    move("the_next_boot_is_answered", st.sampled_from([RegistrationStatus.Accepted, *RegistrationStatus])),
    move("a_late_answer_comes", which),
    move("remote_start", st.sampled_from([None, 1, 2]), tag),
    move("remote_stop", which),
    move("unlock", connector),
    move("reset", st.sampled_from(list(ResetType))),
)
trouble = st.one_of(
    move("the_process_dies", st.sampled_from(["power cut", "crash", "short absence"]), st.sampled_from([0.0, 3.0, 40.0])),
    move("the_guard_changes"),
    move("the_meter_changes", connector, st.booleans()),
    move("the_disk_changes", st.booleans()),
    move("the_bolt_changes", connector, st.booleans()),
)
link = move("the_link_changes")
WEIGHTS = [sessions] * 5 + [leaving] * 3 + [time] * 3 + [people] * 2 + [central_system] * 4 + [trouble] * 4 + [link] * 2 + [move("all_is_mended")] * 2
moves = st.lists(st.sampled_from(WEIGHTS).flatmap(lambda kind: kind), min_size=10, max_size=40)


@given(story=moves, after_power_loss=st.sampled_from(["stop", "resume"]), keys=st.tuples(*[st.booleans()] * 6))
@settings(derandomize=True, deadline=None, max_examples=40)
def test_every_session_is_told_once_and_billed_once(story: list[Move], after_power_loss: str, keys: tuple[bool, ...]) -> None:
    """Invariants of any run (RPC-3, RPC-5, STAT-6, AUTH-1, PWR-2, T3, TXN-11, QUE-2, MTR-9).

    Never two CALLs in flight; no message id with two contents; only defined transitions; power only in a transaction;
    what is owed is on the disk. In the end: one StopTransaction for every StartTransaction, bills that do not overlap
    and add up to what the meter counted, nothing owed, no bolt in, every connector Available.
    """
    names = ("StopTransactionOnEVSideDisconnect", "UnlockConnectorOnEVSideDisconnect", "StopTransactionOnInvalidId",
             "LocalPreAuthorize", "AllowOfflineTxForUnknownId")
    ocpp = "\n".join([f"{name} = {str(on).lower()}" for name, on in zip(names, keys, strict=False)] + [
        f"MaxEnergyOnInvalidId = {100 if keys[-1] else 0}", "TransactionMessageRetryInterval = 5",
        "ConnectionTimeOut = 40", "MeterValueSampleInterval = 30"])
    with TemporaryDirectory() as folder:
        world = World(Path(folder), ocpp=ocpp, charging=f'after_power_loss = "{after_power_loss}"')
        for name, arguments in story:
            getattr(world, name)(*arguments)
            world.holds()
        world.ends_well()
