"""GetConfiguration, ChangeConfiguration, and frames that are none of both (scenarios X1, X3)."""

import json

import pytest


async def test_x1_all_keys_and_each_with_a_value(charge_point):
    """No key, or an empty list: all settings, each with value and readonly (X1, CFG-1, CFG-4)."""
    await charge_point.start()
    central_system = charge_point.central_system
    everything = await central_system.call("GetConfiguration")
    assert everything == await central_system.call("GetConfiguration", key=[])
    assert len(everything["configurationKey"]) > 30
    assert all("value" in row for row in everything["configurationKey"])
    assert "unknownKey" not in everything or everything["unknownKey"] == []


async def test_x1_known_and_unknown_keys(charge_point):
    """Known keys in any case and in the exact spelling, unknown ones apart, however many are asked for (X1, CFG-1, CFG-2)."""
    await charge_point.start()
    wanted = ["heartbeatinterval", "Nonsense", "NUMBEROFCONNECTORS", *(f"Unknown{n}" for n in range(100))]
    answer = await charge_point.central_system.call("GetConfiguration", key=wanted)
    assert [row["key"] for row in answer["configurationKey"]] == ["HeartbeatInterval", "NumberOfConnectors"]
    assert answer["unknownKey"][0] == "Nonsense"
    assert len(answer["unknownKey"]) == 101


@pytest.mark.parametrize(("key", "value", "status"), [
    ("HeartbeatInterval", "120", "Accepted"), ("heartbeatINTERVAL", "120", "Accepted"),
    ("NumberOfConnectors", "3", "Rejected"), ("HeartbeatInterval", "often", "Rejected"),
    ("HeartbeatInterval", "-1", "Rejected"), ("WebSocketPingInterval", "-1", "Rejected"),
    ("StopTransactionOnInvalidId", "perhaps", "Rejected"), ("StopTransactionOnInvalidId", "FALSE", "Accepted"),
    ("MeterValuesSampledData", "Voltage,Nonsense", "Rejected"), ("NoSuchKey", "1", "NotSupported"),
    ("TransactionMessageAttempts", "0", "Rejected"),
])
async def test_x1_good_changes_are_kept_and_bad_ones_refused(charge_point, key, value, status):
    """Read-only, mistyped, negative, unsupported: refused as the standard says; good ones are kept over a restart.

    (X1, CFG-5, CFG-6, CFG-7, MTR-10, QUE-8, WS-11)
    """
    await charge_point.start()
    central_system = charge_point.central_system
    before = await central_system.call("GetConfiguration")
    assert (await central_system.call("ChangeConfiguration", key=key, value=value))["status"] == status
    after = await central_system.call("GetConfiguration")
    assert (after != before) is (status == "Accepted")
    await charge_point.restart()
    again = {row["key"]: row["value"] for row in (await central_system.call("GetConfiguration"))["configurationKey"]}
    named = {row["key"]: row["value"] for row in after["configurationKey"]}
    named["HeartbeatInterval"] = again["HeartbeatInterval"]
    assert again == named


async def test_x1_a_value_that_is_too_long(charge_point):
    """Over 500 characters: a CALLERROR, nothing changed (X1, CFG-6, RPC-12)."""
    await charge_point.start()
    central_system = charge_point.central_system
    answer = await central_system.send_with_id("long", "ChangeConfiguration", {"key": "HeartbeatInterval", "value": "9" * 501})
    assert getattr(answer, "code", None) == "PropertyConstraintViolation"


MIB = 2**20
HOSTILE = {
    "not JSON": "hello", "no array": '{"a":1}', "empty": "[]", "no id": "[2]", "number as id": '[2,7,"Reset",{}]',
    "null": "null", "NaN": '[2,"a1","Reset",{"type":NaN}]', "deep": "[" * 5000 + "]" * 5000,
    "long string": json.dumps([2, "x" * 200_000, "Reset", {}]), "unknown type": '[9,"a2","Reset",{}]',
    "unknown answer": '[3,"nobody",{}]', "1 MiB of text": "x" * MIB, "1 MiB of JSON": json.dumps(["x" * MIB]),
    "deep in a payload": '[2,"a4","Reset",' + '{"x":' * 5000 + "1" + "}" * 5000 + "]", "half": '[2,"a3","Res',
}
ANSWERED = {
    "arity": ('[2,"b1","Reset"]', "FormationViolation"), "unknown action": ('[2,"b2","Explode",{}]', "NotImplemented"),
    "no payload object": ('[2,"b3","Reset",[]]', None), "missing field": ('[2,"b4","Reset",{}]', "OccurenceConstraintViolation"),
    "wrong type": ('[2,"b5","UnlockConnector",{"connectorId":"1"}]', "TypeConstraintViolation"),
    "bad enumeration": ('[2,"b6","Reset",{"type":"Warm"}]', "PropertyConstraintViolation"),
    "extra field": ('[2,"b7","Reset",{"type":"Soft","x":1}]', "FormationViolation"),
    "1 MiB string": (json.dumps([2, "b9", "ChangeConfiguration", {"key": "HeartbeatInterval", "value": "9" * MIB}]),
                     "PropertyConstraintViolation"),
    "1 MiB action": (json.dumps([2, "b10", "x" * MIB, {}]), "NotImplemented"),
    "an action of ours": ('[2,"b8","StartTransaction",{}]', "NotSupported"),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
async def test_x3_hostile_frames_are_survived(charge_point, text):
    """Whatever bytes come: the process, the connection and the session live on (X3, F-GARB, RPC-2, RPC-7)."""
    await charge_point.start()
    await charge_point.charge()
    central_system = charge_point.central_system
    central_system.send_text(text)
    await charge_point.pass_time(seconds=2)
    assert (await central_system.call("GetConfiguration", key=["HeartbeatInterval"]))["configurationKey"]
    assert central_system.connections == 1
    assert charge_point.closed()


@pytest.mark.parametrize(("text", "code"), ANSWERED.values(), ids=ANSWERED)
async def test_x3_broken_calls_are_answered(charge_point, text, code):
    """A CALL whose id can be read gets a CALLERROR with the code of the standard (X3, RPC-9, RPC-11, RPC-12)."""
    await charge_point.start()
    central_system = charge_point.central_system
    central_system.send_text(text)
    await charge_point.until(lambda: central_system.answered, within_s=2)
    _, answer = central_system.answered[0]
    assert getattr(answer, "code", None) in ([code] if code else ["TypeConstraintViolation", "FormationViolation"])


async def test_x3_the_same_id_while_the_first_is_in_process(charge_point):
    """UnlockConnector twice under one id while the bolt moves: done once, and no answer says anything else (X3, F-DUP)."""
    await charge_point.start()
    await charge_point.charge()
    central_system = charge_point.central_system
    first = central_system.send_with_id("twice", "UnlockConnector", {"connectorId": 1})
    central_system.replay("twice")
    assert (await first) == {"status": "Unlocked"}
    await charge_point.pass_time(seconds=5)
    assert {text.split(" ", 1)[1] for text in charge_point.frames if '"twice"' in text and "->" in text} == {
        '-> [3,"twice",{"status":"Unlocked"}]'}
    assert central_system.billing == ["StartTransaction", "StopTransaction"]


async def test_every_key_is_served_in_pending(charge_point):
    """While Pending, every key may be read and written, read-only ones too: each gets its answer (CFG-8, BOOT-12)."""
    await charge_point.start(ready=False)
    central_system = charge_point.central_system
    central_system.script("BootNotification", central_system.boot("Pending", 300))
    await charge_point.until(lambda: "BootNotification" in central_system.actions, within_s=5)
    await charge_point.pass_time(seconds=1)
    for row in (await central_system.call("GetConfiguration"))["configurationKey"]:
        answer = await central_system.call("ChangeConfiguration", key=row["key"], value=row["value"])
        allowed = ("Rejected",) if row["readonly"] else ("Accepted", "RebootRequired", "Rejected")
        assert answer["status"] in allowed, row
