"""The configuration file: one TOML file, checked as a whole before anything starts (`contract.md` section 2).

`load` gives typed settings or raises with every mistake found; `check` only tells the mistakes. Imports no asyncio: the
guard process reads the same file. Start reading at `schema.py`.
"""

from controller.config.load import check, load
from controller.config.model import Configuration, Connector, Reader

__all__ = ["Configuration", "Connector", "Reader", "check", "load"]
