"""The control socket's file (`contract.md` sections 1 and 3, T-SERVICE)."""

import os
import socket
import stat
from collections.abc import Iterator

import pytest

from controller.shell.control import control_socket, tcp_socket


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Iterator[None]:
    """Short paths, and the umask of the daemon."""
    monkeypatch.chdir(tmp_path)
    before = os.umask(0o077)
    yield
    os.umask(before)


def test_owner_and_group_may_connect_and_reach_it():
    """0660, and a folder that is made for it lets the group through whatever the umask."""
    control_socket("run/evcp/c.sock").close()
    assert stat.S_IMODE(os.stat("run/evcp/c.sock").st_mode) == 0o660
    assert stat.S_IMODE(os.stat("run/evcp").st_mode) == 0o750


def test_a_folder_that_is_there_keeps_its_mode():
    """It is the installer's."""
    os.mkdir("run", 0o700)
    control_socket("run/c.sock").close()
    assert stat.S_IMODE(os.stat("run").st_mode) == 0o700


def test_a_left_over_file_is_replaced():
    """Nobody listens there any more."""
    control_socket("run/c.sock").close()
    with control_socket("run/c.sock") as listener, socket.socket(socket.AF_UNIX) as client:
        client.connect("run/c.sock")
        listener.accept()[0].close()


def test_a_socket_that_somebody_listens_on_is_left_alone():
    """Another daemon would lose its clients without a word."""
    with control_socket("run/c.sock"), pytest.raises(OSError, match="another daemon"):
        control_socket("run/c.sock")


def test_a_file_that_is_no_socket_is_not_deleted():
    """A slip in the configuration must not cost anybody a file."""
    os.mkdir("run")
    with open("run/precious", "w") as file:
        file.write("data")
    with pytest.raises(OSError, match="in use"):
        control_socket("run/precious")
    assert os.path.getsize("run/precious") == 4


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_tcp_listens_where_it_is_told(host):
    """An address of either family; brackets are for reading only."""
    listener = tcp_socket(f"{host}:0")
    if listener is None and host == "[::1]":
        pytest.skip("this machine has no IPv6")
    assert listener is not None
    listener.close()


def test_a_tcp_address_that_cannot_be_had_is_logged_not_raised(caplog):
    """An address of another machine: the Unix socket serves on."""
    assert tcp_socket("192.0.2.1:8080") is None
    assert "192.0.2.1:8080" in caplog.text
