"""Text and frames: what is a frame, what is none, and whose id can be read all the same."""

import json

import msgspec
import pytest

from controller.ocpp import frames


def shortly(value: object) -> str:
    """A test's id, short enough to be printed."""
    return ascii(value)[:30]


@pytest.mark.parametrize(("text", "frame"), [
    ('[2,"19","Reset",{"type":"Hard"}]', ("19", "Reset", '{"type":"Hard"}')),
    (' [ 2 , "19" ,\n"Reset"\t, { } ] ', ("19", "Reset", "{ }")),
    ('[2,"","Reset",{}]', ("", "Reset", "{}")),
    ('[2,"a\\"\\u00fc","Reset",null]', ('a"ü', "Reset", "null")),
], ids=["tight", "blanks", "empty id", "escapes"])
def test_a_call_has_four_elements(text, frame):
    """`[2, id, action, payload]`, with any blanks between (RPC-1; central-systems.md section 1)."""
    call = frames.parse(text)
    assert isinstance(call, frames.Call)
    assert (call.message_id, call.action, bytes(call.payload).decode()) == frame


def test_a_result_has_three_elements():
    """`[3, id, payload]` (RPC-1)."""
    result = frames.parse('[3,"19",{"status":"Accepted"}]')
    assert isinstance(result, frames.CallResult)
    assert (result.message_id, bytes(result.payload)) == ("19", b'{"status":"Accepted"}')


def test_an_error_has_five_elements():
    """`[4, id, code, description, details]` (RPC-1)."""
    error = frames.parse('[4,"19","GenericError","what",{"a":1}]')
    assert isinstance(error, frames.CallError)
    assert (error.message_id, error.code, error.description) == ("19", "GenericError", "what")


def test_an_error_without_description_and_details_is_still_a_refusal():
    """Some leave the last elements out; the CALL has failed all the same (RPC-10 is about what is sent)."""
    assert frames.parse('[4,"19","GenericError"]') == frames.CallError("19", "GenericError")


@pytest.mark.parametrize("text", [
    "", " ", "hello", "{", "[", "]", "[]", "{}", "null", "2", '"2"', "[2]", '[2,"19"]', '[2,"19","Reset"]',
    '[2,"19","Reset",{},1]', '[2,19,"Reset",{}]', '[2,null,"Reset",{}]', '[2,"19",7,{}]', '["2","19","Reset",{}]',
    '[2.0,"19","Reset",{}]', '[2,"19","Reset",{}', '[2,"19","Reset",{}]]', '[2,"19","Reset",NaN]', '[2,"19","Reset",{"a":1,}]',
    "[3]", '[3,"19"]', '[3,"19",{},{}]', '[4,"19"]', '[4,"19",5]', '[4,"19","a","b",{},{}]', '\ufeff[3,"19",{}]', "\x00",
    '[2,"19","Reset",{"type":"\ud800"}]', '[2,"19","Reset",{"type":"\\ud800"}]', "[" * 10_000 + "]" * 10_000,
    '[2,"19","Reset",' + "[" * 10_000 + "]" * 10_001, "9" * 10_000, '[2,"19","Reset",Infinity]', "[true]",
], ids=shortly)
def test_anything_else_is_broken_and_says_why(text):
    """Not JSON, not an array, wrong arity, wrong types, NaN, surrogates, any depth: never an exception (F-GARB)."""
    broken = frames.parse(text)
    assert isinstance(broken, frames.Broken)
    assert broken.why
    assert not broken.ignored


@pytest.mark.parametrize(("text", "message_id"), [
    ('[2,"19"]', "19"), ('[2,"19","Reset"]', "19"), ('[2,"19","Reset",{},1]', "19"), ('[2,"19",7,{}]', "19"),
    ('[2,"19","Reset",{', "19"), ('[2,"19","Reset",NaN]', "19"), (' [ 2 , "19" , oops', "19"), ('[2,"a\\"b\\u00fc",', 'a"bü'),
    ('[2,"",', ""), (f'[2,"{"i" * 255}",', "i" * 255), (f'[2,"{"i" * 256}",', None), ('[2,19,"Reset",{}]', None),
    ("[2]", None), ('[3,"19"]', None), ('[4,"19"]', None), ('[2,"19', None), ('[2,"\\ud800",', None), ('[2,"\ud800",', None),
    ('{"2":"19"}', None), ("hello", None), ('[2,"1\n9",', None),
], ids=shortly)
def test_the_id_of_a_broken_call_is_read_where_it_can_be(text, message_id):
    """So that it can be answered; of a broken answer no id is needed, nobody answers answers (RPC-12, F-GARB)."""
    broken = frames.parse(text)
    assert isinstance(broken, frames.Broken)
    assert broken.message_id == message_id


@pytest.mark.parametrize("text", ['[1,"19"]', '[5,"19",{}]', "[0]", '[-1,"19","Reset",{}]', '[22,"19","Reset",{}]', "[" + "9" * 50 + "]"])
def test_an_unknown_message_type_is_to_be_ignored(text):
    """A number that OCPP 1.6 does not know is neither answered nor counted as a mistake (RPC-2)."""
    broken = frames.parse(text)
    assert isinstance(broken, frames.Broken)
    assert broken.ignored


@pytest.mark.parametrize(("text", "decodable"), [
    ("[]", True), ("{}", True), ('[2,"19"]', True), ("null", True), ("[5,", False), ('[2,"19"', False), ("hello", False), ("", False),
])
def test_text_that_is_no_json_is_told_from_json_that_is_no_frame(text, decodable):
    """With `csms.compat` the two are answered differently (contract.md section 4)."""
    broken = frames.parse(text)
    assert isinstance(broken, frames.Broken)
    assert broken.decodable is decodable


def test_what_is_written_is_what_is_read():
    """Frames of ours are frames (RPC-1)."""
    call = frames.parse(frames.call("id-1", "Heartbeat", b"{}"))
    result = frames.parse(frames.call_result("id-2", b'{"status":"Accepted"}'))
    error = frames.parse(frames.call_error("id-3", "GenericError", "why"))
    assert call == frames.Call("id-1", "Heartbeat", msgspec.Raw(b"{}"))
    assert result == frames.CallResult("id-2", msgspec.Raw(b'{"status":"Accepted"}'))
    assert error == frames.CallError("id-3", "GenericError", "why", msgspec.Raw(b"{}"))


@pytest.mark.parametrize("message_id", ["19", "", 'a"b', "back\\slash", "ü€\U0001f525", "\n", "[2,"])
def test_answers_carry_the_id_exactly(message_id):
    """Whatever characters they chose, the answer's id equals the CALL's (RPC-7)."""
    assert json.loads(frames.call_result(message_id, b"{}"))[1] == message_id
    assert json.loads(frames.call_error(message_id, "GenericError", ""))[1] == message_id


@pytest.mark.parametrize(("description", "sent"), [("", ""), ('say "what"', 'say "what"'), ("d" * 300, "d" * 255), ("ü" * 256, "ü" * 255)],
                         ids=["empty", "quotes", "over-long", "over-long umlauts"])
def test_an_error_always_has_a_description_and_details(description, sent):
    """The description is a string of at most 255 characters, the details are an object (RPC-10)."""
    assert json.loads(frames.call_error("19", "GenericError", description)) == [4, "19", "GenericError", sent, {}]
