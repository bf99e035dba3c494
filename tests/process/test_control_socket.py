"""The public interface `/api/v1` and the socket itself (`contract.md` section 3, T-SERVICE)."""

import json
import os
import shutil
import socket
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.process.daemon import Daemon, Site, UnixConnection, configuration, evcp, within
from tests.process.independent_csms import CentralSystem


@pytest.fixture(scope="module")
def daemon(lasting_site: Site) -> Daemon:
    """A charge point with two connectors whose central system never answers; every test leaves it unplugged."""
    lasting_site.write(configuration(url="ws://127.0.0.1:9/ocpp", connectors=2, charging="before_accepted = true",
                                     ocpp="AllowOfflineTxForUnknownId = true\nLocalAuthorizeOffline = true"))
    return lasting_site.start()


# -- /api/v1 -------------------------------------------------------------------------------------------------------------


def test_status_has_at_least_the_fields_of_the_contract(daemon):
    """What integrations rely on, with the values of an idle charge point that nobody has accepted."""
    status = daemon.status()
    assert status["identity"] == "CP-1"
    assert status["version"]
    assert (status["online"], status["registration"], status["queue_length"]) == (False, None, 0)
    row = status["connectors"][1]
    expected = {"id": 2, "status": "Available", "error_code": "NoError", "transaction_id": None, "id_tag": None,
                "offered_a": 0, "power_w": 0, "energy_wh": 0}
    assert {name: row[name] for name in expected} == expected
    assert any("security profile 0" in warning for warning in status["warnings"])


def test_status_tells_of_a_transaction_that_has_no_number_yet(daemon):
    """Offline the id tag is known, the transaction's id is not; the offer is."""
    daemon.sim("plug", connector=1, ev={"request_after_s": 0.05, "current_a": 10})
    daemon.sim("swipe", id_tag="04A1B2C3")
    row = daemon.until_status("Charging")
    assert (row["id_tag"], row["transaction_id"], row["offered_a"]) == ("04A1B2C3", None, 32)
    daemon.until(lambda: daemon.shown()["power_w"] == pytest.approx(6900), what="the power")
    assert daemon.status()["queue_length"] >= 1
    daemon.sim("swipe", id_tag="04A1B2C3")
    daemon.until_status("Finishing")
    daemon.sim("unplug", connector=1)
    assert daemon.until_status("Available")["id_tag"] is None


def test_the_openapi_document_names_exactly_the_routes_that_answer(daemon):
    """Every path and method of the document exists; every other method of that path is 405."""
    status, document = daemon.request("GET", "/api/v1/openapi.json")
    assert status == 200
    assert document["openapi"].startswith("3.")
    for path, operations in document["paths"].items():
        for method in ("GET", "POST"):
            found, _ = daemon.request(method, path, b"[]" if method == "POST" else None)
            documented = method.lower() in operations
            assert (found == 405) is not documented, (method, path, found)
    assert "/api/v1/status" in document["paths"]
    assert "/sim/v1/plug" in document["paths"]


def test_a_card_over_the_api_means_the_connectors_it_names(daemon):
    """As if held to the reader that serves them; the same card again cancels (B1)."""
    for status in ("Preparing", "Available"):
        assert daemon.request("POST", "/api/v1/swipe", {"id_tag": "04A1B2C3", "connectors": [2]}) == (200, {})
        daemon.until_status(status, connector=2)
        assert daemon.shown(1)["status"] == "Available"


@pytest.mark.parametrize(("path", "body"), [
    ("swipe", {}), ("swipe", {"id_tag": ""}), ("swipe", {"id_tag": "X" * 21}), ("swipe", {"id_tag": "é"}),
    ("swipe", {"id_tag": "X", "connectors": [3]}), ("swipe", {"id_tag": "X", "connectors": []}),
    ("swipe", {"id_tag": "X", "more": 1}), ("service/reset", {}), ("service/reset", {"connector": 3}),
    ("service/reset", {"connector": "1"}), ("service/reset", {"connector": 1, "really": True}), ("service/reset", []),
], ids=lambda value: json.dumps(value))
def test_a_bad_body_is_400(daemon, path, body):
    """Nothing happens, and the answer says what is allowed."""
    status, answer = daemon.request("POST", f"/api/v1/{path}", body)
    assert (status, list(answer)) == (400, ["error"])
    assert [row["status"] for row in daemon.status()["connectors"]] == ["Available", "Available"]


def test_a_latched_fault_waits_for_a_person(daemon):
    """rcd: resetting is no use while the cause is there, and needed when it is gone (F-RCD)."""
    daemon.sim("fault", connector=2, kind="rcd", active=True)
    daemon.until_status("Faulted", connector=2)
    daemon.request("POST", "/api/v1/service/reset", {"connector": 2})
    time.sleep(0.3)  # nothing must happen
    assert daemon.shown(2)["status"] == "Faulted"
    daemon.sim("fault", connector=2, kind="rcd", active=False)
    daemon.until_status("Available", connector=2)


def test_resetting_where_nothing_is_latched_changes_nothing(daemon):
    """Verbs may be repeated."""
    for _ in range(2):
        assert daemon.request("POST", "/api/v1/service/reset", {"connector": 1}) == (200, {})
    assert daemon.shown()["status"] == "Available"


# -- HTTP ----------------------------------------------------------------------------------------------------------------


def test_one_connection_carries_many_requests(daemon):
    """HTTP/1.1 keeps the connection."""
    connection = UnixConnection(daemon.site.control)
    connection.request("GET", "/api/v1/status")
    connection.getresponse().read()
    first = connection.sock
    connection.request("GET", "/api/v1/status")
    assert connection.getresponse().status == 200
    assert connection.sock is first
    connection.close()


@pytest.mark.parametrize("request_", [
    b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 2_000_000 + b"\r\n\r\n", b"\x16\x03\x01\x02\x00garbage\r\n\r\n",
    b"POST /sim/v1/plug HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"GET /\r\n\r\n",
], ids=["2 MB of header", "no HTTP", "negative length", "no version"])
def test_what_is_no_request_is_refused_and_the_daemon_goes_on(daemon, request_):
    """400 or a closed connection; the next client is served (T-DOS)."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(daemon.site.control))
        try:
            connection.sendall(request_)
            answer = connection.recv(4096)
        except (BrokenPipeError, ConnectionResetError):
            answer = b""
    assert answer == b"" or b" 400 " in answer.split(b"\r\n")[0]
    assert daemon.request("GET", "/api/v1/status")[0] == 200


def test_a_client_that_goes_away_or_dawdles_hinders_nobody(daemon):
    """Half a request left open; others are answered at once (T-DOS)."""
    dawdlers = [socket.socket(socket.AF_UNIX) for _ in range(20)]
    for dawdler in dawdlers:
        dawdler.connect(str(daemon.site.control))
        dawdler.sendall(b"POST /sim/v1/plug HTTP/1.1\r\nContent-Length: 100\r\n\r\n{")
    began_s = time.monotonic()
    assert daemon.request("GET", "/api/v1/status")[0] == 200
    assert time.monotonic() - began_s < 1
    for dawdler in dawdlers:
        dawdler.close()
    assert daemon.world()["ev"] == "A"


# -- the socket ----------------------------------------------------------------------------------------------------------


def test_the_socket_is_for_owner_and_group_only(daemon):
    """0660 (T-SERVICE)."""
    assert stat.S_IMODE(os.stat(daemon.site.control).st_mode) == 0o660


@pytest.mark.skipif(os.getuid() != 0 or shutil.which("python3", path="/usr/bin:/bin") is None,
                    reason="only root can become somebody else, who needs a Python that anybody may run")
@pytest.mark.parametrize(("user", "group", "reached"), [(65534, 65534, False), (65534, os.getgid(), True)],
                         ids=["a stranger", "one of the group"])
def test_who_may_connect_is_decided_by_the_file(daemon, user, group, reached):
    """The socket's group is the technicians' key; nobody else gets in (T-SERVICE)."""
    os.chmod(daemon.site.folder, 0o755)
    connect = f"import socket; socket.socket(socket.AF_UNIX).connect({str(daemon.site.control)!r})"
    ended = subprocess.run(["/usr/bin/env", "python3", "-c", connect], check=False, capture_output=True, text=True, cwd="/",
                           user=user, group=group, extra_groups=[], env={"PATH": "/usr/bin:/bin"})
    assert (ended.returncode == 0) is reached, ended.stderr
    assert reached or "PermissionError" in ended.stderr


def test_no_tcp_port_is_open_unless_configured(daemon):
    """The daemon listens on its Unix socket only (T-SERVICE)."""
    assert listening_ports(daemon.process.pid) == []


def listening_ports(pid: int) -> list[int]:
    """TCP ports that the process listens on, read from /proc."""
    inodes = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = entry.readlink().name
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    ports = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                ports.append(int(fields[1].rpartition(":")[2], 16))
    return ports


def free_port() -> int:
    """A TCP port of loopback that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def test_control_http_is_the_same_over_tcp(site):
    """With `control.http` set: that port, and no other."""
    import http.client

    port = free_port()
    site.write(configuration(control=f'http = "127.0.0.1:{port}"'))
    daemon = site.start()
    assert listening_ports(daemon.process.pid) == [port]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/api/v1/status")
    answer: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    assert answer["identity"] == "CP-1"


def test_a_taken_tcp_port_is_told_and_the_unix_socket_serves(site):
    """One of two doors does not open: no reason to end."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        site.write(configuration(control=f'http = "127.0.0.1:{taken.getsockname()[1]}"'))
        daemon = site.start()
        assert "control.http" in daemon.log


def test_a_left_over_socket_file_is_replaced(site):
    """SIGKILL leaves the file behind; the next start serves there."""
    site.write(configuration())
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(site.control))
    stale.close()
    site.start()


def test_a_socket_that_cannot_be_made_ends_the_daemon_with_exit_1(site):
    """Nobody could talk to it: it says so in one line, without a stack."""
    site.write(configuration().replace('socket = "control.sock"', f'socket = "{"x" * 120}.sock"'))
    ended = evcp("run", "--config", str(site.file))
    assert ended.returncode == 1
    assert "control socket" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_daemon_does_not_steal_the_socket_of_another(site):
    """Another storage directory, the same control socket: exit 1, and the first one still answers."""
    site.write(configuration())
    first = site.start()
    other = Site()
    try:
        other.write(configuration(identity="CP-2").replace('"control.sock"', f'"{site.control}"'))
        ended = evcp("run", "--config", str(other.file))
    finally:
        other.close()
    assert ended.returncode == 1
    assert "another daemon listens there" in ended.stderr
    assert first.status()["identity"] == "CP-1"


def test_the_socket_answers_long_before_an_unreachable_central_system_does(site, csms: CentralSystem):
    """Within 10 s of the start, whatever the network does; verbs do not wait for answers either."""
    csms.registration = "Rejected"
    site.write(configuration(url=csms.url))
    daemon = site.start()
    assert time.monotonic() - daemon.started_s < 5
    daemon.sim("plug", connector=1)
    began_s = time.monotonic()
    daemon.sim("swipe", id_tag="04A1B2C3")
    assert time.monotonic() - began_s < 0.5
    assert within(lambda: daemon.status()["registration"] == "Rejected", 3)
