"""Every configuration key over the wire, from its row in the key reference: what it takes, what it shows, what it refuses (scenario X1)."""

import pytest

from tests.rig.central_system import CallError
from tests.unit.station.key_oracle import ABSENT, EVERY, LISTED


async def change(charge_point, name, text):
    """What ChangeConfiguration is answered; a CALLERROR by its code. Some changes make the connection anew."""
    central_system = charge_point.central_system
    await charge_point.until(lambda: central_system.online, within_s=30)
    message_id = f"change-{len(central_system.answered)}"
    answer = await central_system.send_with_id(message_id, "ChangeConfiguration", {"key": name, "value": text})
    await charge_point.pass_time(seconds=0.1)
    await charge_point.until(lambda: central_system.online, within_s=30)
    return answer.code if isinstance(answer, CallError) else answer["status"]


async def shown(charge_point, *names):
    """What GetConfiguration shows, by name; of all keys without names."""
    conf = await charge_point.central_system.call("GetConfiguration", **({"key": list(names)} if names else {}))
    return {key["key"]: (key["readonly"], key["value"]) for key in conf.get("configurationKey", ())}


@pytest.mark.parametrize("row", EVERY, ids=[row.name for row in EVERY])
async def test_x1_a_key_takes_what_its_row_allows_and_shows_it(charge_point, row):
    """Boundaries, every way to write them, lists with blanks, doubles and nothing: Accepted, in force without a reboot, and read back.

    (X1, CFG-3, CFG-5, CFG-6, MTR-10)
    """
    await charge_point.start()
    accepted = [*row.good, *([row.longest] if row.takes_blanks else [])]
    for text in accepted:
        assert await change(charge_point, row.name, text) == "Accepted", text
        assert await shown(charge_point, row.name) == {row.name: (False, row.reads_back(text))}
    listed = await shown(charge_point)
    assert set(listed) == {key.name for key in LISTED}
    told = [frame for frame in charge_point.frames if " -> " in frame]
    assert not [text for text in accepted if row.access == "W" and any(text in frame for frame in told)], "never shown"


@pytest.mark.parametrize("row", EVERY, ids=[row.name for row in EVERY])
async def test_x1_a_key_refuses_everything_else_and_stays_as_it_was(charge_point, row):
    """Beyond a boundary, of another type, empty, negative, unknown or too many members, read-only, 500 characters: Rejected.

    501 characters are no value at all: CALLERROR. The whole list is the same after each (X1, CFG-5, CFG-6, CFG-7, RPC-12).
    """
    await charge_point.start()
    before = await shown(charge_point)
    assert before.get(row.name, (False, "")) == (row.access == "R", row.default)
    for text in (*row.bad, *(() if row.takes_blanks else (row.longest,))):
        assert await change(charge_point, row.name, text) == "Rejected", text
        assert await shown(charge_point) == before, text
    assert await change(charge_point, row.name, row.longest + " ") == "PropertyConstraintViolation"
    assert await shown(charge_point) == before
    assert charge_point.memory.load().settings.get(row.name, row.default) == row.default or row.name == "HeartbeatInterval"


@pytest.mark.parametrize("name", [*ABSENT, "", "HeartbeatIntervall", "Heartbeat Interval"])
async def test_x1_a_key_that_is_not_there_is_unknown(charge_point, name):
    """Of absent profiles, misspelt, empty: in unknownKey as it was written, NotSupported on change (X1, CFG-1, CFG-4, CFG-5)."""
    await charge_point.start()
    conf = await charge_point.central_system.call("GetConfiguration", key=[name, "NumberOfConnectors"])
    assert conf["unknownKey"] == [name]
    assert [key["key"] for key in conf["configurationKey"]] == ["NumberOfConnectors"]
    assert await change(charge_point, name, "1") == "NotSupported"
