"""Exit codes of the commands that run the daemon, and what they say about a configuration (`contract.md` sections 1, 2)."""

import re
import time

import pytest

from tests.process.daemon import Site, configuration, evcp

BROKEN = """\
[charge_point]
identity = "CP-1"
vendor = 7
[csms]
url = "http://example.com"
colour = "red"
[ocpp]
HeartbeatIntervall = 300
MeterValueSampleInterval = "often"
[[connector]]
id = 2
pilot = { driver = "sim" }
contactor = { driver = "steam" }
meter = { driver = "sim" }
"""
MISTAKES = [(1, "charge_point.model"), (3, "charge_point.vendor"), (5, "csms.url"), (6, "csms.colour"),
            (8, "ocpp.HeartbeatIntervall"), (9, "ocpp.MeterValueSampleInterval"), (11, "connector.id"),
            (13, "connector.contactor")]


def told(text: str) -> list[tuple[str, int, str]]:
    """File, line and key of every line of the output; all lines have that form."""
    rows = [re.fullmatch(r"(.+?):(\d+): ([^:]+): .+", line) for line in text.splitlines()]
    assert all(rows), text
    return [(row[1], int(row[2]), row[3]) for row in rows if row is not None]


def test_config_check_tells_every_mistake_with_file_line_and_key(site: Site):
    """Exit 4, one line per mistake; what is missing is told at the line of its table (F-CFG)."""
    site.write(BROKEN)
    ended = site.evcp("config", "check", str(site.file))
    assert ended.returncode == 4
    rows = told(ended.stdout)
    assert {file for file, _, _ in rows} == {str(site.file)}
    found = [(line, key.removesuffix(".driver")) for _, line, key in rows]
    assert found == MISTAKES


def test_config_check_of_a_good_file_is_exit_0(site: Site):
    """Nothing to say but that."""
    site.write(configuration())
    assert site.evcp("config", "check", str(site.file)).returncode == 0


def test_config_check_as_json(site: Site):
    """The same mistakes for machines."""
    import json

    site.write(BROKEN)
    ended = site.evcp("config", "check", str(site.file), "--json")
    assert ended.returncode == 4
    answer = json.loads(ended.stdout)
    assert answer["valid"] is False
    assert len(answer["problems"]) == len(MISTAKES)


@pytest.mark.parametrize("command", [("run",), ("run", "--split"), ("guard",), ("controller",)],
                         ids=["run", "run --split", "guard", "controller"])
def test_a_daemon_with_a_bad_file_ends_with_4_and_the_same_output(site: Site, command):
    """Within 5 s, nothing begun, every mistake told (F-CFG)."""
    site.write(BROKEN)
    expected = site.evcp("config", "check", str(site.file)).stdout
    began_s = time.monotonic()
    ended = site.evcp(*command, "--config", str(site.file))
    assert time.monotonic() - began_s < 5
    assert (ended.returncode, ended.stderr) == (4, expected)
    assert not site.state.exists()


def test_a_mistake_in_the_ocpp_table_alone_stops_the_guard_too(site: Site):
    """The guard does not use that table, but a file is right or wrong as a whole (F-CFG)."""
    site.write(configuration(ocpp="HeartbeatIntervall = 3"))
    ended = site.evcp("guard", "--config", str(site.file))
    assert ended.returncode == 4
    assert "ocpp.HeartbeatIntervall" in ended.stderr


@pytest.mark.parametrize("content", [None, b"", b"[", b"\xff\xfe\x00", b"x = 1\n" * 2_000_000, b'[charge_point]\nidentity = "CP'],
                         ids=["missing", "empty", "torn", "no text", "12 MB", "cut off"])
def test_a_file_that_is_no_configuration_is_4_with_a_line(site: Site, content):
    """No traceback, no silence (F-CFG)."""
    if content is not None:
        site.file.write_bytes(content)
    ended = site.evcp("run", "--config", str(site.file))
    assert ended.returncode == 4
    assert re.match(rf"{re.escape(str(site.file))}:\d+: ", ended.stderr)
    assert "Traceback" not in ended.stderr


def test_wrong_usage_is_exit_2():
    """Told on standard error; nothing on standard output. The rest of this table needs no process (tests/unit/cli)."""
    ended = evcp("sim", "explode")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("usage: evcp")


def test_a_second_daemon_on_the_same_directory_ends_with_1_and_names_the_first(site: Site):
    """The lock dies with its holder: after a SIGKILL the next one starts (`contract.md` section 1)."""
    site.write(configuration())
    first = site.start()
    other = Site()
    try:
        other.write(configuration(identity="CP-2").replace('directory = "state"', f'directory = "{site.state}"'))
        second = other.evcp("run", "--config", str(other.file), within_s=5)
        assert second.returncode == 1
        assert str(first.process.pid) in second.stderr
        assert str(site.file) in second.stderr
        assert "Traceback" not in second.stderr
    finally:
        other.close()
    assert first.status()["identity"] == "CP-1"
    first.kill_group()
    site.start()
