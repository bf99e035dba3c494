"""Register maps: data that is checked when it is read, planned into few requests, and decoded to units."""

import math
import struct

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import BadReply, Misconfigured
from drivers.meter import register_map as maps
from drivers.meter.register_map import Block, Quantity, RegisterMap

REQUIRED = {"voltage_l1_v": Quantity(0, "f32"), "current_l1_a": Quantity(6, "f32"), "energy_wh": Quantity(72, "f32", 1000)}


def a_map(**changes: object) -> RegisterMap:
    """The smallest map, with changes, read as a file would be."""
    plain: dict[str, object] = {"name": "test", "function_code": 4,
                                "quantities": {name: msgspec.to_builtins(row) for name, row in REQUIRED.items()}}
    return msgspec.convert(plain | changes, RegisterMap)


@pytest.mark.parametrize("model", maps.names())
def test_every_map_in_the_folder_loads_and_can_be_planned(model):
    """A file with a mistake never leaves the house."""
    register_map = maps.load(model)
    assert {name for block in maps.plan(register_map) for name in block.names} == set(register_map.quantities)


@pytest.mark.parametrize(("changes", "what"), [
    ({"quantities": {}}, "voltage_l1_v, current_l1_a, energy_wh missing"),
    ({"quantities": {"voltage_l1_v": {"address": 0, "type": "f32"}}}, "current_l1_a, energy_wh missing"),
    ({"function_code": 6}, "function_code"), ({"byte_order": "little"}, "byte_order"), ({"parity": "even"}, "parity"),
    ({"max_registers": 3}, "max_registers: 4 to 125"), ({"max_registers": 126}, "max_registers: 4 to 125"),
    ({"manufacturer": "x"}, "unknown field"), ({"identity": {"address": 0}}, "type"), ({"stop_bits": 0}, "stop_bits"),
], ids=str)
def test_a_map_with_a_mistake_is_refused(changes, what):
    """With the name of what is wrong."""
    with pytest.raises(msgspec.ValidationError, match=what):
        a_map(**changes)


@pytest.mark.parametrize(("row", "what"), [({"address": 0, "type": "f16"}, "f16"), ({"type": "f32"}, "address"),
                                           ({"address": 0, "type": "f32", "factor": 2}, "factor")])
def test_a_row_with_a_mistake_is_refused(row, what):
    """Type, address and scale are all there is."""
    with pytest.raises(msgspec.ValidationError, match=what):
        a_map(quantities={name: msgspec.to_builtins(q) for name, q in REQUIRED.items()} | {"power_w": row})


def test_a_quantity_that_nobody_knows_is_refused():
    """A name without its unit would be read by nobody."""
    with pytest.raises(msgspec.ValidationError, match="unknown quantities power;"):
        a_map(quantities={name: msgspec.to_builtins(q) for name, q in REQUIRED.items()} | {"power": {"address": 1, "type": "u16"}})


def test_an_unknown_meter_is_told_with_those_there_are():
    """In the words of the configuration."""
    with pytest.raises(Misconfigured, match="unknown meter 'sdm631'; allowed: .*sdm630") as told:
        maps.load("sdm631")
    assert told.value.key == "model"


@pytest.mark.parametrize("model", ["../maps/sdm630", "sdm630.toml", ""])
def test_the_name_of_a_meter_is_no_path(model):
    """Only names of the folder are looked for."""
    with pytest.raises(Misconfigured):
        maps.load(model)


@pytest.mark.parametrize(("limit", "blocks"), [
    (125, [Block(0, 74, ("voltage_l1_v", "current_l1_a", "energy_wh"))]),
    (60, [Block(0, 8, ("voltage_l1_v", "current_l1_a")), Block(72, 2, ("energy_wh",))]),
    (4, [Block(0, 2, ("voltage_l1_v",)), Block(6, 2, ("current_l1_a",)), Block(72, 2, ("energy_wh",))]),
])
def test_blocks_are_as_few_as_the_meters_limit_allows(limit, blocks):
    """Adjacent registers share a request."""
    assert maps.plan(a_map(max_registers=limit)) == blocks


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.dictionaries(st.sampled_from(sorted(maps.QUANTITIES - set(REQUIRED))),
                       st.tuples(st.integers(0, 300), st.sampled_from(sorted(maps.REGISTERS)))), st.integers(4, 125))
def test_a_plan_reads_everything_within_the_limit(rows, limit):
    """Any map: each quantity is whole inside one block, no block is longer than the meter answers."""
    quantities = {name: msgspec.to_builtins(row) for name, row in REQUIRED.items()}
    register_map = a_map(max_registers=limit, quantities=quantities | {
        name: {"address": address, "type": kind} for name, (address, kind) in rows.items()})
    seen: list[str] = []
    for block in maps.plan(register_map):
        assert block.count <= limit
        for name in block.names:
            row = register_map.quantities[name]
            assert block.address <= row.address
            assert row.address + maps.REGISTERS[row.type] <= block.address + block.count
        seen += block.names
    assert sorted(seen) == sorted(register_map.quantities)


@pytest.mark.parametrize(("kind", "words", "value"), [
    ("f32", [0x4366, 0x8000], 230.5), ("u16", [0xFFFF], 65_535.0), ("i16", [0xFFFF], -1.0), ("u32", [0x0001, 0x0000], 65_536.0),
    ("i32", [0xFFFF, 0xFFFE], -2.0), ("u64", [0, 0, 1, 0], 65_536.0), ("i64", [0xFFFF] * 4, -1.0),
])
def test_a_value_is_read_in_both_orders_of_words(kind, words, value):
    """ABCD as Eastron and ABB, CDAB as Carlo Gavazzi (hardware-drivers.md section 4)."""
    assert maps.number(words, kind, "big") == value
    assert maps.number(list(reversed(words)), kind, "word_swapped") == value


def test_a_float_shows_the_seven_digits_it_has():
    """0.1 is 0.1 and not what binary makes of it."""
    (high, low) = struct.unpack(">HH", struct.pack(">f", 230.1))
    assert maps.number([high, low], "f32", "big") == 230.1


def test_not_a_number_stays_one():
    """It is for the plausibility to refuse; the decoder does not hide it (hardware-drivers.md section 4, gotcha 5)."""
    assert math.isnan(maps.number([0x7FC0, 0], "f32", "big"))


def test_a_short_answer_is_a_bad_reply():
    """Never an IndexError, never the zeros that are not there."""
    register_map = a_map()
    (first, *_) = maps.plan(register_map)
    with pytest.raises(BadReply, match="3 registers instead of 8"):
        maps.decode(register_map, first, [0, 0, 0])


def test_scales_lead_to_the_units_of_the_names():
    """Kilowatt-hours in the register are watt-hours in the reading."""
    register_map = a_map()
    registers = maps.encode(register_map, {"voltage_l1_v": 230.0, "current_l1_a": 16.0, "energy_wh": 12_345.0})
    for block in maps.plan(register_map):
        values = maps.decode(register_map, block, [registers.get(block.address + at, 0) for at in range(block.count)])
        assert values.items() <= {"voltage_l1_v": 230.0, "current_l1_a": 16.0, "energy_wh": 12_345.0}.items()


@pytest.mark.parametrize(("kind", "words", "missing"), [
    ("u32", [0xFFFF, 0xFFFF], True), ("i32", [0x7FFF, 0xFFFF], True), ("i32", [0xFFFF, 0xFFFF], False), ("u16", [0xFFFF], True),
    ("i16", [0x7FFF], True), ("u64", [0xFFFF] * 4, True), ("u32", [0xFFFF, 0xFFFE], False), ("u32", [0x7FFF, 0xFFFF], False),
])
def test_what_a_variant_does_not_measure_is_left_out(kind, words, missing):
    """ABB says so by all ones, or all but the sign (hardware-drivers.md section 5); only where the map says so too."""
    for speaks in (True, False):
        register_map = a_map(all_ones_is_nothing=speaks, quantities={
            name: msgspec.to_builtins(row) for name, row in REQUIRED.items()} | {"power_w": {"address": 100, "type": kind}})
        values = maps.decode(register_map, Block(100, len(words), ("power_w",)), words)
        assert ("power_w" in values) == (not (speaks and missing))


@pytest.mark.parametrize(("model", "step_wh"), [("sdm630", 0.0), ("b23", 10.0), ("em340", 100.0), ("we504", 1.0)])
def test_the_least_step_of_the_register_is_known(model, step_wh):
    """So that a coarse register is not taken for a jumping one (F-METER)."""
    assert maps.step_wh(maps.load(model)) == step_wh
