"""Our own errors; what hardware does wrong is in `drivers.errors`.

EvcpError
|-- ConfigurationError   the configuration file: every problem with file, line, key and what is allowed
|-- StorageError         nothing durable can be written now; names the directory and the cause
|-- RemoteError          the central system misbehaved; becomes a CALLERROR (code, description)
|-- ControlUnavailable   the control socket cannot be made: nobody could talk to the daemon
|-- AlreadyRunning       another daemon uses the directory or the socket; names it
|-- LinkClosed           the other half of the daemon is gone
`-- Refused              an interlock forbids it; tells which
Wrong use of our own functions is ValueError or an assertion: a bug, not one of these.
"""


class EvcpError(Exception):
    """Base of everything the daemon raises on purpose; the message tells the reader what to do."""


class ConfigurationError(EvcpError):
    """The configuration cannot be used. `problems` holds one printable line per mistake."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class StorageError(EvcpError):
    """Nothing durable can be written now."""


class RemoteError(EvcpError):
    """The central system sent something that must be answered with CALLERROR."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description


class ControlUnavailable(EvcpError):
    """The control socket cannot be made; the daemon ends with exit 1."""


class AlreadyRunning(EvcpError):
    """Another daemon uses what only one can; the message names its process and configuration. The second ends with exit 1."""


class LinkClosed(EvcpError):
    """The other end of the link between guard and controller is gone."""


class Refused(EvcpError):
    """An interlock forbids what was asked (HTTP 409, exit code 5)."""
