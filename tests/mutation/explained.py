"""Mutants that no test can notice, each with the reason why it does not matter."""

import tomllib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.mutation.operators import Mutant


class Explanation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of explained.toml. It names the line by its text, so that it survives changes elsewhere in the file."""

    module: str
    text: str
    """The first line of the changed statement, without indentation."""
    change: str
    """The mutation as the tool prints it."""
    reason: str

    def fits(self, mutant: Mutant) -> bool:
        """Whether it speaks of this mutant."""
        return (self.module, self.text, self.change) == (mutant.module, mutant.text, mutant.change)


class _File(msgspec.Struct, forbid_unknown_fields=True):
    explained: list[Explanation] = []


class Explanations:
    """All rows, and which of them were needed."""

    def __init__(self, rows: Sequence[Explanation]) -> None:
        self._rows = rows
        self._used: set[int] = set()

    @classmethod
    def read(cls, path: Path) -> "Explanations":
        """The file's rows. Raises msgspec.ValidationError when one lacks its reason."""
        return cls(msgspec.convert(tomllib.loads(path.read_text()), _File).explained)

    def explain(self, mutant: Mutant) -> bool:
        """Whether some row explains it."""
        fitting = [place for place, row in enumerate(self._rows) if row.fits(mutant)]
        self._used.update(fitting)
        return bool(fitting)

    def idle(self, modules: Sequence[str]) -> list[Explanation]:
        """Rows of these modules that explained nothing: the mutant is noticed by now, or the line is gone."""
        return [row for place, row in enumerate(self._rows) if place not in self._used and row.module in modules]
