"""The repository as these tests see it: its files and their syntax trees."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeAlias

import msgspec

ROOT = Path(__file__).resolve().parents[2]
PRODUCT, EVERYTHING = ("controller", "drivers"), ("controller", "drivers", "tests", "docs")
Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


class Place(msgspec.Struct, frozen=True):
    """A function and where it stands."""

    file: Path
    node: Function

    @property
    def lines(self) -> int:
        """From `def` to its last line."""
        return (self.node.end_lineno or self.node.lineno) - self.node.lineno + 1

    def __str__(self) -> str:
        return f"{named(self.file)}:{self.node.lineno} {self.node.name}"


def named(file: Path) -> str:
    """As messages call it."""
    return str(file.relative_to(ROOT))


@cache
def python_files(*folders: str) -> tuple[Path, ...]:
    """Every module below the folders, and dev.py."""
    found = {file for folder in folders for file in (ROOT / folder).rglob("*.py")}
    return (ROOT / "dev.py", *sorted(found))


@cache
def tree(file: Path) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse(file.read_text())


@cache
def nodes(file: Path) -> tuple[ast.AST, ...]:
    """Every node of a module's tree."""
    return tuple(ast.walk(tree(file)))


@cache
def functions(*folders: str) -> tuple[Place, ...]:
    """Every function and method below the folders."""
    return tuple(Place(file, node) for file in python_files(*folders) for node in nodes(file) if isinstance(node, Function))


def every_test() -> Iterator[Place]:
    """Every test function."""
    for place in functions("tests"):
        if place.file.name.startswith("test_") and place.node.name.startswith("test_"):
            yield place


@cache
def text_files() -> tuple[Path, ...]:
    """Every text that belongs to the repository: what is tracked, and what is new and not ignored."""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout.split("\n")
    files = (ROOT / name for name in sorted(set(listed)) if name)
    return tuple(file for file in files if file.is_file() and b"\0" not in file.read_bytes()[:4096])


def names_in(file: Path) -> set[str]:
    """Functions, classes, their methods and attributes, and module-level names, dotted as `Class.method`."""
    return set(_names(tree(file).body, ""))


def _names(body: list[ast.stmt], prefix: str) -> Iterator[str]:
    for node in body:
        match node:
            case ast.FunctionDef(name) | ast.AsyncFunctionDef(name):
                yield prefix + name
            case ast.ClassDef(name):
                yield prefix + name
                yield from _names(node.body, f"{prefix}{name}.")
            case ast.AnnAssign(target=ast.Name(name)):
                yield prefix + name
            case ast.Assign(targets=targets):
                yield from (prefix + part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name))
            case _:
                continue
