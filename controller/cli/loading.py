"""Every verb that starts a daemon reads the configuration the same way: exit 4 with every mistake told."""

import sys

from controller.config import Configuration, load
from controller.errors import ConfigurationError

INVALID = 4


def loaded(path: str, *, with_ocpp: bool = True) -> Configuration | None:
    """The configuration; None when it is invalid, and then every mistake is on standard error."""
    try:
        return load(path, with_ocpp=with_ocpp)
    except ConfigurationError as error:
        sys.stderr.write("".join(f"{problem}\n" for problem in error.problems))
        return None
