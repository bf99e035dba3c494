"""What goes wrong with hardware, as one family.

DriverError
|-- Disconnected   the device is not there (port gone, bus silent, no answer)
|-- BadReply       it answered nonsense (checksum, wrong length, exception code)
|-- OutOfRange     it answered a value that cannot be true
`-- Misconfigured  its options in the configuration are wrong; tells which key and what is allowed
"""


class DriverError(Exception):
    """A device could not do what was asked; the message names the device, the place and what to check."""


class Disconnected(DriverError):
    """The device does not answer at all."""


class BadReply(DriverError):
    """The device answered something that is not a valid reply."""


class OutOfRange(DriverError):
    """The device answered a value that physics or the last reading forbid."""


class Misconfigured(DriverError):
    """The configuration of this device cannot work; `key` is the option at fault, "" for the whole table."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key
