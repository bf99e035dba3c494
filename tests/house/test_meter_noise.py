"""The bench of a noisy meter finds wrong values where there are some (F-METER)."""

import random
import subprocess
import sys

from drivers.meter import modbus
from drivers.meter import register_map as maps
from drivers.protocols import MeterReading
from tests.bench.meter_noise import skipped
from tests.bench.noisy_line import KINDS, Damage, Truth
from tests.house.sources import ROOT


def test_the_bench_runs_with_a_handful_of_reads_and_finds_nothing_wrong():
    """Over the stand-in, over a pseudo-terminal, and with two meters on one bus (F-METER)."""
    done = subprocess.run([sys.executable, "-m", "tests.bench.meter_noise", "--reads", "60"], cwd=ROOT, capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [row.split()[-4:] for row in done.stdout.splitlines() if row.startswith("wrong readings")] == [["0", "<=", "0", "ok"]] * 3


def test_a_driver_that_believes_too_much_is_found_out(monkeypatch):
    """Without comparing what is said with what was said, wrong values come out; the bench counts them (F-METER)."""
    assert not skipped("em340", 150, blind=0.2).lies
    monkeypatch.setattr(modbus, "alike", lambda _one, _other, **_step: True)
    assert skipped("em340", 150, blind=0.2).lies


def test_every_kind_of_damage_changes_what_arrives():
    """Three answers in ten, each kind among them, and none of them the answer itself at its time."""
    register_map = maps.load("sdm630")
    damage = Damage(register_map, random.Random(1), blind=0.1)
    reply = bytes([1, 4, 12, *range(12), 0, 0])
    arrived = [damage.pass_on(b"\x01\x04\x00\x46\x00\x06\x00\x00", lambda asked: reply if asked[3] == 0x46 else reply[:-1])
               for _ in range(2000)]
    spoiled = [sent for sent in arrived if sent != [(0.0, reply)]]
    assert 500 < len(spoiled) < 700
    assert set(damage.done) == {*KINDS, "random values"}
    assert abs(len(spoiled) - sum(damage.done.values())) <= 2, "a swap of equal registers at most"


def test_a_value_of_another_moment_is_a_lie():
    """True is what stood in the registers between the beginning and the end of the read, value by value."""
    truth = Truth(maps.load("sdm630"))
    truth.begin(0.0)
    now, later = (_shown(truth, at_s) for at_s in (100.0, 150.0))
    assert truth.lies(now, 99.9, 100.1) == []
    assert truth.lies(later, 149.0, 151.0) == []
    assert len(truth.lies(later, 100.0, 101.0)) > 5
    assert truth.lies(now._replace(energy_wh=now.energy_wh + 0.1), 100.0, 100.1) == [f"energy_wh {now.energy_wh + 0.1}"]


def _shown(truth: Truth, at_s: float) -> MeterReading:
    register_map, registers = maps.load("sdm630"), truth.registers(at_s)
    values: dict[str, float] = {}
    for block in maps.plan(register_map):
        values |= maps.decode(register_map, block, [registers.get(block.address + at, 0) for at in range(block.count)])
    return modbus.reading(values, at_s)
