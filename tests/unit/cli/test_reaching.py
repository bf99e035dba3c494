"""How a command speaks to a daemon that is slow, confused or gone."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.__main__ import main
from controller.cli import client


@pytest.fixture
def path(tmp_path, monkeypatch) -> Path:
    """A short path for a socket: the kernel takes no more than 107 bytes."""
    monkeypatch.chdir(tmp_path)
    return Path("c.sock")


@pytest.fixture
def listener(path) -> Iterator[socket.socket]:
    """Somebody listens there."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        yield listening


def answering(listener: socket.socket, answer: bytes) -> threading.Thread:
    """One connection is given these bytes, whatever it asks."""
    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


def test_nobody_there_is_exit_3_and_says_where(path, capsys):
    """The path, the cause, and what to do."""
    assert main(["status", "--socket", str(path)]) == 3
    assert capsys.readouterr().err.startswith(f"evcp: no daemon answers at {path}")


def test_a_silent_daemon_is_given_up(listener, path, monkeypatch, capsys):
    """A hanging daemon does not hang the command."""
    monkeypatch.setattr(client, "TIMEOUT_S", 0.05)
    assert main(["status", "--socket", str(path)]) == 3
    assert "timed out" in capsys.readouterr().err


@pytest.mark.parametrize("answer", [b"", b"what?\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nnot{j",
                                    b'HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\n"no"'],
                         ids=["closed", "no HTTP", "no JSON", "500"])
def test_a_confused_daemon_is_exit_3(listener, path, capsys, answer):
    """No traceback, whatever comes back."""
    thread = answering(listener, answer)
    assert main(["status", "--socket", str(path)]) == 3
    thread.join()
    assert capsys.readouterr().err.startswith("evcp: ")


def test_a_daemon_without_simulation_has_no_verbs(listener, path, capsys):
    """404 becomes words and exit 5."""
    thread = answering(listener, b'HTTP/1.1 404 Not Found\r\nContent-Length: 21\r\n\r\n{"error":"Not Found"}')
    assert main(["sim", "state", "--socket", str(path)]) == 5
    thread.join()
    assert "only when something is simulated" in capsys.readouterr().err
