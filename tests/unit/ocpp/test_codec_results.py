"""Payloads of CALLRESULTs: read with more patience than CALLs, because a transaction id may hang on them."""

from datetime import UTC, datetime

import pytest

from controller.errors import RemoteError
from controller.ocpp import codec
from controller.ocpp.messages import core
from controller.ocpp.messages.security import CertificateHashData, GetInstalledCertificateIdsConf
from controller.ocpp.security_types import GetInstalledCertificateStatus, HashAlgorithm
from controller.ocpp.types import AuthorizationStatus, RegistrationStatus
from tests.unit.ocpp.payloads import raw

DEEP = "[" * 10_000 + "]" * 10_000
ACCEPTED = core.StartTransactionConf(id_tag_info=core.IdTagInfo(status=AuthorizationStatus.Accepted), transaction_id=7)


@pytest.mark.parametrize("payload", [
    '{"transactionId": 7, "idTagInfo": {"status": "Accepted"}}',
    '{"transactionId": 7, "idTagInfo": {"status": "Accepted"}, "vendor": {"a": [1]}}',
    '{"transactionId": 7, "idTagInfo": {"status": "Accepted", "note": "hello"}}',
    '{"transactionId": 7, "idTagInfo": {"status": "Accepted", "parentIdTag": null, "expiryDate": null}}',
    '{"transactionId": 7.0, "idTagInfo": {"status": "Accepted"}, "x": null}',
    '{"transactionId": 6, "transactionId": 7, "idTagInfo": {"status": "Accepted"}}',
    '{"transactionId": "6", "transactionId": 7, "idTagInfo": {"status": "Accepted"}}',
], ids=["plain", "extra", "extra inside", "nulls inside", "float", "equal keys", "equal keys, first wrong"])
def test_harmless_extras_do_not_cost_a_transaction_id(payload):
    """Unknown fields, nulls and whole floats in an answer are overlooked (RPC-14)."""
    assert codec.decode_response(core.StartTransactionConf, raw(payload)) == ACCEPTED


def test_extras_in_lists_of_objects_are_overlooked_too():
    """Leniency reaches as deep as the structs do (RPC-14)."""
    row = '{"hashAlgorithm": "SHA256", "issuerNameHash": "a", "issuerKeyHash": "b", "serialNumber": "c", "extra": null}'
    answer = codec.decode_response(GetInstalledCertificateIdsConf,
                                   raw(f'{{"status": "Accepted", "certificateHashData": [{row}]}}'))
    assert answer == GetInstalledCertificateIdsConf(
        status=GetInstalledCertificateStatus.Accepted,
        certificate_hash_data=[CertificateHashData(hash_algorithm=HashAlgorithm.SHA256, issuer_name_hash="a",
                                                   issuer_key_hash="b", serial_number="c")])


@pytest.mark.parametrize(("number", "transaction_id"), [
    ("0", 0), ("-1", -1), ("1772366400", 1772366400), ("1772366400000", 1772366400000),
    ("9223372036854775807", 2**63 - 1), ("-9223372036854775808", -(2**63)),
])
def test_a_transaction_id_is_any_64_bit_integer(number, transaction_id):
    """0, negative ones and unix times are ids like any other (central-systems.md section 1, TXN-10)."""
    answer = codec.decode_response(core.StartTransactionConf,
                                   raw(f'{{"transactionId": {number}, "idTagInfo": {{"status": "Accepted"}}}}'))
    assert isinstance(answer, core.StartTransactionConf)
    assert answer.transaction_id == transaction_id


@pytest.mark.parametrize(("payload", "code"), [
    ('{"idTagInfo": {"status": "Accepted"}}', "OccurenceConstraintViolation"),
    ('{"transactionId": null, "idTagInfo": {"status": "Accepted"}}', "OccurenceConstraintViolation"),
    ('{"transactionId": "7", "idTagInfo": {"status": "Accepted"}}', "TypeConstraintViolation"),
    ('{"transactionId": 7.5, "idTagInfo": {"status": "Accepted"}}', "TypeConstraintViolation"),
    ('{"transactionId": 9223372036854775808, "idTagInfo": {"status": "Accepted"}}', "PropertyConstraintViolation"),
    ('{"transactionId": 7, "idTagInfo": {"status": "Perhaps"}}', "PropertyConstraintViolation"),
    ('{"transactionId": 7, "idTagInfo": {"status": "Accepted", "expiryDate": "soon"}}', "PropertyConstraintViolation"),
    ('{"transactionId": 7, "idTagInfo": []}', "TypeConstraintViolation"),
    ("[]", "TypeConstraintViolation"),
    ("null", "TypeConstraintViolation"),
    (f'{{"x": {DEEP}}}', "FormationViolation"),
    (f'{{"transactionId": 7.5, "x": {DEEP}}}', "FormationViolation"),
], ids=["no id", "null id", "text id", "fraction id", "huge id", "bad status", "bad date", "array inside", "array", "null", "deep",
        "deep after a mistake"])
def test_an_answer_without_its_meaning_is_an_error(payload, code):
    """What cannot be understood is not made up: the CALL counts as failed (F-TXREJ, F-GARB)."""
    with pytest.raises(RemoteError) as refused:
        codec.decode_response(core.StartTransactionConf, raw(payload))
    assert refused.value.code == code


def test_the_boot_answer_is_read_to_the_second():
    """The clock may be set from it (TIME-1, BOOT-2)."""
    answer = codec.decode_response(core.BootNotificationConf,
                                   raw('{"status":"Accepted","currentTime":"2026-03-01T13:00:00.250+01:00","interval":300}'))
    assert answer == core.BootNotificationConf(
        status=RegistrationStatus.Accepted, interval=300, current_time=datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC))
