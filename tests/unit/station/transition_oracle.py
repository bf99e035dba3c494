"""The status-transition matrix as the behaviour document prints it (STAT-6): the oracle, independent of the program's table."""

from itertools import pairwise

from controller.ocpp.types import ChargePointStatus as S

COLUMNS = (S.Available, S.Preparing, S.Charging, S.SuspendedEV, S.SuspendedEVSE, S.Finishing, S.Reserved, S.Unavailable, S.Faulted)
MATRIX = """
    Available      -  A2 A3 A4 A5 .  A7 A8 A9
    Preparing      B1 -  B3 B4 B5 B6 .  .  B9
    Charging       C1 .  -  C4 C5 C6 .  C8 C9
    SuspendedEV    D1 .  D3 -  D5 D6 .  D8 D9
    SuspendedEVSE  E1 .  E3 E4 -  E6 .  E8 E9
    Finishing      F1 F2 .  .  .  -  .  F8 F9
    Reserved       G1 G2 .  .  .  .  -  G8 G9
    Unavailable    H1 H2 H3 H4 H5 .  .  -  H9
    Faulted        I1 I2 I3 I4 I5 I6 I7 I8 -
"""
CELLS: dict[tuple[S, S], str] = {
    (S(row[0]), column): cell
    for row in (line.split() for line in MATRIX.strip().splitlines())
    for column, cell in zip(COLUMNS, row[1:], strict=True)
}
"""Every pair of statuses and its cell: a code, "." where the standard defines nothing, "-" on the diagonal."""
DEFINED = {pair for pair, cell in CELLS.items() if cell not in (".", "-")}


def undefined_steps(statuses: list[S]) -> list[tuple[S, S]]:
    """The steps of a told sequence that the standard does not define; the same status told again is none."""
    return [step for step in pairwise(statuses) if step[0] is not step[1] and step not in DEFINED]
