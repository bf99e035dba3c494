"""Register maps of Modbus meters: data files, checked when they are read, planned into few block reads.

A new meter is one file in `maps/`; docs/adding-a-meter.md tells how to write it.
"""

import struct
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Literal

import msgspec

from drivers.errors import BadReply, Misconfigured

Kind = Literal["u16", "i16", "u32", "i32", "u64", "i64", "f32"]
REGISTERS: dict[str, int] = {"u16": 1, "i16": 1, "u32": 2, "i32": 2, "u64": 4, "i64": 4, "f32": 2}
FORMATS: dict[str, str] = {"u16": ">H", "i16": ">h", "u32": ">I", "i32": ">i", "u64": ">Q", "i64": ">q", "f32": ">f"}
QUANTITIES = frozenset({
    "voltage_l1_v", "voltage_l2_v", "voltage_l3_v", "current_l1_a", "current_l2_a", "current_l3_a", "power_l1_w",
    "power_l2_w", "power_l3_w", "power_w", "frequency_hz", "energy_wh", "energy_export_wh", "power_factor",
    "power_import_w", "power_export_w",
})
REQUIRED = ("voltage_l1_v", "current_l1_a", "energy_wh")


class Quantity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One value: where it stands, how it is written, and what one unit of it is worth."""

    address: int
    type: Kind
    scale: float = 1.0


class Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the serial number stands."""

    address: int
    type: Kind
    function_code: int | None = None


class RegisterMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of meter."""

    name: str
    function_code: Literal[3, 4]
    quantities: dict[str, Quantity]
    byte_order: Literal["big", "word_swapped"] = "big"
    max_registers: int = 60
    """The longest block this meter answers."""
    gap_s: float = 0.02
    """Silence it wants between requests."""
    baud_rate: int = 9600
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1
    identity: Identity | None = None
    all_ones_is_nothing: bool = False
    """All bits set (signed: all but the sign) means that this variant does not measure the quantity."""

    def __post_init__(self) -> None:
        unknown = sorted(set(self.quantities) - QUANTITIES)
        if unknown:
            message = f"unknown quantities {', '.join(unknown)}; allowed: {', '.join(sorted(QUANTITIES))}"
            raise ValueError(message)
        missing = [name for name in REQUIRED if name not in self.quantities]
        if missing:
            message = f"{', '.join(missing)} missing; every meter must have {', '.join(REQUIRED)}"
            raise ValueError(message)
        if not 4 <= self.max_registers <= 125:
            message = "max_registers: 4 to 125"
            raise ValueError(message)


class Block(msgspec.Struct, frozen=True):
    """Registers to read in one request, and what stands in them."""

    address: int
    count: int
    names: tuple[str, ...]


def names() -> list[str]:
    """The meters there are maps for."""
    folder = resources.files("drivers.meter") / "maps"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load(model: str) -> RegisterMap:
    """The map of a meter. Raises Misconfigured when there is none, or its file is wrong."""
    if model not in names():
        raise Misconfigured("model", f"unknown meter {model!r}; allowed: {', '.join(names())}")
    text = (resources.files("drivers.meter") / "maps" / f"{model}.toml").read_text()
    try:
        return msgspec.convert(tomllib.loads(text), RegisterMap)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Misconfigured("model", f"maps/{model}.toml: {error}") from error


def plan(register_map: RegisterMap) -> list[Block]:
    """The fewest blocks within the meter's limit that hold every quantity, by ascending address."""
    rows = sorted(register_map.quantities.items(), key=lambda row: row[1].address)
    blocks: list[Block] = []
    for name, quantity in rows:
        end = quantity.address + REGISTERS[quantity.type]
        last = blocks[-1] if blocks else None
        if last is not None and end - last.address <= register_map.max_registers:
            blocks[-1] = Block(last.address, max(last.count, end - last.address), (*last.names, name))
        else:
            blocks.append(Block(quantity.address, end - quantity.address, (name,)))
    return blocks


def decode(register_map: RegisterMap, block: Block, registers: Sequence[int]) -> dict[str, float]:
    """The values in a block, in the units of their names. Raises BadReply for too few registers."""
    if len(registers) < block.count:
        raise BadReply(f"{len(registers)} registers instead of {block.count} from {block.address:#06x}")
    values = {}
    for name in block.names:
        quantity = register_map.quantities[name]
        offset = quantity.address - block.address
        words = registers[offset:offset + REGISTERS[quantity.type]]
        if register_map.all_ones_is_nothing and _is_nothing(words, quantity.type, register_map.byte_order):
            continue
        values[name] = round(number(words, quantity.type, register_map.byte_order) * quantity.scale, 6)
    return values


def _is_nothing(words: Sequence[int], kind: str, byte_order: str) -> bool:
    highest = words[0] if byte_order == "big" else words[-1]
    rest = sum(word == 0xFFFF for word in words) - (highest == 0xFFFF)
    return rest == len(words) - 1 and highest == (0xFFFF if kind.startswith("u") else 0x7FFF)


def step_wh(register_map: RegisterMap) -> float:
    """The least by which the energy register can move; 0 for a float, whose steps depend on its size."""
    quantity = register_map.quantities["energy_wh"]
    return 0.0 if quantity.type == "f32" else quantity.scale


def number(words: Sequence[int], kind: str, byte_order: str) -> float:
    """One value from its registers."""
    ordered = list(words) if byte_order == "big" else list(reversed(words))
    raw = b"".join(struct.pack(">H", word) for word in ordered)
    (value,) = struct.unpack(FORMATS[kind], raw)
    # A 32-bit float carries seven digits; the rest is what binary makes of them.
    return float(f"{value:.7g}") if kind == "f32" else float(value)


def encode(register_map: RegisterMap, values: Mapping[str, float]) -> dict[int, int]:
    """Registers by address that say `values`; what a simulated slave answers from."""
    registers: dict[int, int] = {}
    for name, quantity in register_map.quantities.items():
        scaled = values.get(name, 0.0) / quantity.scale
        content = struct.pack(FORMATS[quantity.type], scaled if quantity.type == "f32" else round(scaled))
        words = [int.from_bytes(content[at:at + 2], "big") for at in range(0, len(content), 2)]
        if register_map.byte_order != "big":
            words.reverse()
        registers |= {quantity.address + at: word for at, word in enumerate(words)}
    return registers
