#!/usr/bin/env python3
"""One command for everything an engineer does here; the standard library is all it needs.

    python3 dev.py demo      set everything up and watch a whole charging session on simulated hardware
    python3 dev.py test      set everything up and run all tests (arguments go to pytest)
    python3 dev.py check     lint, types, import rules, generated documentation
    python3 dev.py bench     measure start-up, memory, call latency, idle load, each beside its baseline
    python3 dev.py mutate    change the guard's code bit by bit and see the tests notice
    python3 dev.py virtual-pi  boot a Debian under qemu, run a session over real kernel interfaces, cut the power
    python3 dev.py docs      write anew what is generated in docs/
    python3 dev.py lock      resolve the dependencies anew into locks/
    python3 dev.py setup     only make the environment

The environment is `.venv` beside this file (or $EVCP_VENV), from locks/*.lock, with hashes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent
VENV = Path(os.environ.get("EVCP_VENV") or ROOT / ".venv")
PYTHON = VENV / "bin" / "python"
OLDEST, NEWEST = (3, 11), (3, 13)
RUNTIME, DEVELOPMENT = "runtime", "development"
FOR_TESTS = {"systemd-analyze": "systemd"}
"""Commands that tests use, and the Debian packages that have them; a test skips with its reason where one is missing."""


class Unusable(Exception):
    """This machine lacks something; the message says what to do about it."""


def run(*command: str | Path, check: bool = True, quiet: bool = False) -> int:
    """Run a command in the repository; its exit code. Raises Unusable when `check` and it failed."""
    output = subprocess.DEVNULL if quiet else None
    code = subprocess.run([str(word) for word in command], cwd=ROOT, check=False, stdout=output).returncode
    if check and code != 0:
        raise Unusable(f"`{' '.join(str(word) for word in command)}` failed with {code}")
    return code


# -- the environment -----------------------------------------------------------------------------------------------------


def right_python() -> None:
    """Go on with a Python that is new enough, if this one is not. Raises Unusable."""
    if sys.version_info[:2] >= OLDEST:
        return
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        other = shutil.which(f"python3.{minor}")
        if other is not None:
            os.execv(other, [other, *sys.argv])
    raise Unusable(f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed, this is {sys.version.split()[0]}")


def packages(*names: str) -> bool:
    """Install Debian packages if we may; whether they are there now."""
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return False
    print(f"installing {' '.join(names)} ...", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in ([apt, "-qq", "update"], [apt, "-qq", "install", "-y", "--no-install-recommends", *names]):
        if subprocess.run(command, check=False, env=environment, stdout=subprocess.DEVNULL).returncode != 0:
            return False
    return True


def has_module(python: str | Path, module: str) -> bool:
    """Whether that Python can import the module."""
    found = subprocess.run([str(python), "-c", f"import {module}"], check=False, capture_output=True)
    return found.returncode == 0


def make_venv() -> None:
    """A fresh virtual environment with pip in it, also where venv comes without ensurepip. Raises Unusable."""
    shutil.rmtree(VENV, ignore_errors=True)
    if has_module(sys.executable, "ensurepip"):
        run(sys.executable, "-m", "venv", VENV)
        return
    run(sys.executable, "-m", "venv", "--without-pip", VENV)
    if has_module(sys.executable, "pip"):
        run(sys.executable, "-m", "pip", "--quiet", "--python", PYTHON, "install", "pip")
        return
    version = f"python3.{sys.version_info[1]}-venv"
    if packages(version) and has_module(sys.executable, "ensurepip"):
        make_venv()
        return
    shutil.rmtree(VENV, ignore_errors=True)
    raise Unusable(f"this Python has neither ensurepip nor pip; install one of them: sudo apt install {version}")


def fingerprint(group: str) -> str:
    """Changes when the environment must be made anew."""
    content = b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", f"locks/{group}.lock"))
    return hashlib.sha256(content + sys.version.encode() + str(ROOT).encode()).hexdigest()


def setup(group: str = DEVELOPMENT) -> None:
    """Make the environment hold what `group` locks, and the program itself. Raises Unusable."""
    stamp = VENV / f"evcp-{group}"
    if stamp.exists() and stamp.read_text() == fingerprint(group):
        return
    if not PYTHON.exists() or not has_module(PYTHON, "pip"):
        print("making the environment ...", flush=True)
        make_venv()
    print(f"installing what locks/{group}.lock names ...", flush=True)
    pip = (PYTHON, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input", "install")
    run(*pip, "--require-hashes", "--no-deps", "-r", f"locks/{group}.lock")
    # "compat" is a plain path file; the other forms install a finder that costs every start of the program 10 ms.
    run(*pip, "--no-deps", "--no-build-isolation", "--config-settings", "editable_mode=compat", "-e", ".")
    stamp.write_text(fingerprint(group))


# -- what there is to do -------------------------------------------------------------------------------------------------


def demo(arguments: list[str]) -> int:
    """The main job, without hardware."""
    setup(RUNTIME)
    return run(PYTHON, "-m", "controller", "demo", *arguments, check=False)


def test(arguments: list[str]) -> int:
    """All tests, on every core; with arguments, what pytest makes of them."""
    setup()
    missing = [package for command, package in FOR_TESTS.items() if shutil.which(command) is None]
    if missing and not packages(*missing):
        print(f"without {', '.join(missing)} some tests are skipped", flush=True)
    # Twice as many workers as cores: many tests wait for real processes.
    workers = str(2 * (os.cpu_count() or 1))
    return run(PYTHON, "-m", "pytest", *(arguments or ["-q", "-n", workers, "--dist", "worksteal"]), check=False)


def check(_arguments: list[str]) -> int:
    """Lint, types, import rules, generated documentation: every one of them, even if an earlier one failed."""
    setup()
    tools = {
        "lint": (PYTHON, "-m", "ruff", "check", "."),
        "types": (PYTHON, "-m", "mypy"),
        "import rules": (VENV / "bin" / "lint-imports", "--no-logo"),
        "generated documentation": (PYTHON, "docs/generate.py", "--check"),
    }
    failed = []
    for name, command in tools.items():
        print(f"-- {name}", flush=True)
        if run(*command, check=False) != 0:
            failed.append(name)
    print(f"check: {', '.join(failed)} failed" if failed else "check: everything is in order")
    return 1 if failed else 0


def bench(arguments: list[str]) -> int:
    """Figures beside baselines of the same run."""
    setup()
    return run(PYTHON, "-m", "tests.bench", *arguments, check=False)


def mutate(arguments: list[str]) -> int:
    """Mutation testing of the guard."""
    setup()
    return run(PYTHON, "-m", "tests.mutation", *arguments, check=False)


def virtual_pi(arguments: list[str]) -> int:
    """A session on real gpiochips under qemu, a power cut in the middle of it, and a killed guard; needs root."""
    setup()
    return run(PYTHON, "-m", "tests.virtual_pi", *arguments, check=False)


def docs(_arguments: list[str]) -> int:
    """Write the generated pages."""
    setup()
    return run(PYTHON, "docs/generate.py", check=False)


def lock(_arguments: list[str]) -> int:
    """Resolve for Python 3.11 to 3.13 on every machine; takes the newest releases that pyproject.toml allows."""
    setup()
    run(PYTHON, "-m", "pip", "--quiet", "install", "uv")
    groups = {
        RUNTIME: ("pyproject.toml", "locks/build.in"),
        DEVELOPMENT: ("pyproject.toml", "locks/build.in", "--group", "dev", "--override", "locks/overrides-development.in"),
        "hardware": ("pyproject.toml", "locks/build.in", "--extra", "hardware", "--override", "locks/overrides.in"),
    }
    for name, sources in groups.items():
        run(PYTHON, "-m", "uv", "--quiet", "pip", "compile", "--universal", "--python-version", "3.11", "--generate-hashes",
            "--no-header", "--no-emit-index-url", *sources, "-o", f"locks/{name}.lock", quiet=True)
    return 0


def prepare(_arguments: list[str]) -> int:
    """Only the environment."""
    setup()
    return 0


VERBS: dict[str, Callable[[list[str]], int]] = {
    "demo": demo, "test": test, "check": check, "bench": bench, "mutate": mutate, "virtual-pi": virtual_pi, "docs": docs,
    "lock": lock, "setup": prepare,
}


def main() -> int:
    """Run one verb; its exit code."""
    verb, *arguments = sys.argv[1:] or ["help"]
    if verb not in VERBS:
        print(__doc__)
        return 0 if verb in ("help", "-h", "--help") else 2
    try:
        right_python()
        return VERBS[verb](arguments)
    except Unusable as error:
        print(f"dev.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
