"""TLS: verified against the roots in our own directory, and no others."""

import asyncio
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from controller.ocpp.connection import Lost, Target
from controller.ocpp.websocket import dial, tls_context
from tests.unit.ocpp.real_sockets import bare_server, on_a_real_socket, server

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
PLACE = "127.0.0.1"


class Authority:
    """A root that signs certificates for 127.0.0.1, or for another host."""

    def __init__(self, name: str) -> None:
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.pem = self._signed(self.name, self.key.public_key(), root=True).public_bytes(serialization.Encoding.PEM)

    def _signed(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, root: bool = False, host: str = PLACE,
                until: datetime = NOW + DAY) -> x509.Certificate:
        named = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))])
        return (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key)
                .serial_number(x509.random_serial_number()).not_valid_before(NOW - 9 * DAY).not_valid_after(until)
                .add_extension(x509.BasicConstraints(ca=root, path_length=None), critical=True)
                .add_extension(named, critical=False)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
                .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
                .sign(self.key, hashes.SHA256()))

    def serve(self, folder: Path, *, host: str = PLACE, until: datetime = NOW + DAY) -> ssl.SSLContext:
        """TLS of a server with a certificate of this root."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
        certificate = self._signed(subject, key.public_key(), host=host, until=until)
        file = folder / "server.pem"
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


@pytest.fixture(scope="module")
def ours() -> Authority:
    """The root we trust."""
    return Authority("our root")


def trusting(folder: Path, *roots: bytes) -> str:
    """A certificates directory with these roots of the central system."""
    place = folder / "certificates" / "central_system"
    place.mkdir(parents=True)
    for number, pem in enumerate(roots):
        (place / f"root{number}.pem").write_bytes(pem)
    return str(folder / "certificates")


def wss(port: int, certificates: str, *, check_hostname: bool = True) -> Target:
    """What the connection would dial at security profile 2."""
    return Target(f"wss://{PLACE}:{port}/ocpp/CP1", {}, certificates, check_hostname)


@on_a_real_socket
async def test_a_server_of_our_root_is_trusted(tmp_path, ours):
    """The whole way up to frames (WS-15, SEC-5)."""
    async with server(ssl=ours.serve(tmp_path)) as it:
        connection = await dial(wss(it.port, trusting(tmp_path, Authority("another").pem, ours.pem)))
        await connection.ping(5.0)
        await connection.close()


@pytest.mark.parametrize(("case", "words"), [
    ("unknown root", "certificate verify failed"), ("no root at all", "certificate verify failed"),
    ("expired", "certificate has expired"), ("another host", "IP address mismatch"),
])
@on_a_real_socket
async def test_any_other_server_is_refused(tmp_path, ours, case, words):
    """Never a fall back to something weaker (F-TLS, T-MITM)."""
    roots = {"unknown root": [Authority("another").pem], "no root at all": []}.get(case, [ours.pem])
    tls = ours.serve(tmp_path, host="127.0.0.9" if case == "another host" else PLACE,
                     until=NOW - DAY if case == "expired" else NOW + DAY)
    async with server(ssl=tls) as it:
        with pytest.raises(Lost, match=words):
            await dial(wss(it.port, trusting(tmp_path, *roots)))
        assert it.requests == []


@on_a_real_socket
async def test_the_host_name_may_be_left_unchecked(tmp_path, ours):
    """`csms.check_hostname = false`; the root is checked all the same (contract.md section 2)."""
    async with server(ssl=ours.serve(tmp_path, host="127.0.0.9")) as it:
        connection = await dial(wss(it.port, trusting(tmp_path, ours.pem), check_hostname=False))
        await connection.close()


@on_a_real_socket
async def test_a_plain_server_on_the_port_is_refused(tmp_path, ours):
    """A wss URL is never spoken to without TLS (F-TLS, T-DOWNGR)."""
    async with server() as it:
        with pytest.raises(Lost):
            await dial(wss(it.port, trusting(tmp_path, ours.pem)))
        assert it.requests == []


@on_a_real_socket
async def test_a_server_that_hangs_up_in_the_handshake_is_lost(tmp_path, ours):
    """It comes to a Lost, to be tried again (F-TLS)."""
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    async with bare_server(hang_up) as port:
        with pytest.raises(Lost):
            await dial(wss(port, trusting(tmp_path, ours.pem)))


def test_nothing_older_than_tls_1_2(tmp_path):
    """And a certificate is required (SEC-6, T-MITM)."""
    context = tls_context(wss(1, trusting(tmp_path)))
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.get_ca_certs() == []


@pytest.mark.parametrize("garbage", [b"", b"-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n", b"\x00" * 100])
def test_one_damaged_certificate_does_not_keep_the_others_from_work(tmp_path, caplog, ours, garbage):
    """It is named in the log, once per dial, and trusted less, never more (faults-and-threats.md, rule 7)."""
    context = tls_context(wss(1, trusting(tmp_path, garbage, ours.pem)))
    assert len(context.get_ca_certs()) == 1
    assert "root0.pem" in caplog.text


def test_a_directory_that_is_missing_trusts_nobody(tmp_path):
    """No other roots are taken instead (contract.md section 2)."""
    assert tls_context(wss(1, str(tmp_path / "nowhere"))).get_ca_certs() == []
