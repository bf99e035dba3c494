"""`python -m tests.mutation`: change the guard's code bit by bit and see whether its tests notice.

Runs in this order: the tests must pass unchanged; then each mutant, in a forked child with the changed module in place of
the real one. Exit code 0 only if every mutant was noticed, or is explained in explained.toml, and no explanation is idle.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from tests.mutation.explained import Explanations
from tests.mutation.operators import Mutant, mutants
from tests.mutation.runner import MODULES, PACKAGE, Runner, Verdict

FOLDER = Path(*PACKAGE.split("."))


def main() -> int:
    """Judge the chosen modules."""
    arguments = _arguments()
    chosen = arguments.module or (_changed() if arguments.changed else list(MODULES))
    unknown = [name for name in chosen if name not in MODULES]
    if unknown:
        print(f"no such module: {', '.join(unknown)}; there are {', '.join(MODULES)}")
        return 2
    if not chosen:
        print("mutation: nothing has changed")
        return 0
    began_s = time.monotonic()
    found = [mutant for name in chosen for mutant in mutants(name, (FOLDER / f"{name}.py").read_text())]
    if arguments.list:
        for mutant in found:
            print(mutant)
        return 0
    runner = Runner(arguments.jobs)
    if not runner.warm_up():
        print("mutation: the tests do not pass as they are")
        return 1
    survivors = []
    for mutant, verdict in runner.judge(_only(found, arguments.line)):
        if verdict is Verdict.SURVIVED:
            survivors.append(mutant)
            print(f"  survived: {mutant}", file=sys.stderr, flush=True)
    return _report(survivors, chosen, len(found), time.monotonic() - began_s, whole=arguments.line is None)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 dev.py mutate", description=__doc__)
    parser.add_argument("--module", action="append", help=f"only this one; of {', '.join(MODULES)}")
    parser.add_argument("--changed", action="store_true", help="only modules that differ from the last commit")
    parser.add_argument("--line", type=int, help="only mutants of this line")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="mutants at the same time")
    parser.add_argument("--list", action="store_true", help="show the mutants, run nothing")
    return parser.parse_args()


def _changed() -> list[str]:
    answer = subprocess.run(["git", "status", "--porcelain", str(FOLDER)], check=True, capture_output=True, text=True)
    names = {Path(line[3:]).stem for line in answer.stdout.splitlines()}
    return [name for name in MODULES if name in names]


def _only(found: Iterable[Mutant], line: int | None) -> list[Mutant]:
    return [mutant for mutant in found if line is None or mutant.line == line]


def _report(survivors: list[Mutant], chosen: list[str], total: int, seconds: float, *, whole: bool) -> int:
    explanations = Explanations.read(Path(__file__).with_name("explained.toml"))
    unexplained = [mutant for mutant in survivors if not explanations.explain(mutant)]
    for mutant in sorted(unexplained, key=lambda mutant: (mutant.module, mutant.line)):
        print(f"survived: {FOLDER / mutant.module}.py:{mutant.line}: {mutant.change}\n    {mutant.text}")
    idle = explanations.idle(chosen) if whole else []
    for row in idle:
        print(f"explained, but noticed or gone: {row.module}: {row.change}\n    {row.text}")
    print(f"mutation: {total} mutants in {len(chosen)} modules, {total - len(survivors)} noticed, "
          f"{len(survivors) - len(unexplained)} explained, {len(unexplained)} unexplained; {seconds:.0f} s")
    return 1 if unexplained or idle else 0


if __name__ == "__main__":
    sys.exit(main())
