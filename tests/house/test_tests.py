"""Tests read as a specification."""

import ast
from collections import Counter

from tests.house.sources import every_test, named, nodes, python_files, tree

FEWEST_WORDS = 4
REAL_TIME = ("tests/process/", "tests/bench/", "tests/mutation/", "tests/virtual_pi/")
"""Only these talk to real processes and machines, and so may wait for real."""


def test_every_test_is_named_as_a_sentence():
    """A name of at least four words says what must be true."""
    short = [str(place) for place in every_test() if len(place.node.name.split("_")) - 1 < FEWEST_WORDS]
    assert not short, short


def test_every_test_says_what_it_protects():
    """Each test has a docstring of its own: the behaviour, and the requirement it proves."""
    silent = [str(place) for place in every_test() if not ast.get_docstring(place.node)]
    assert not silent, silent


def test_no_two_tests_say_the_same_thing():
    """A docstring that is copied says nothing about the second test."""
    said = Counter(ast.get_docstring(place.node) for place in every_test())
    copied = [str(place) for place in every_test() if said[ast.get_docstring(place.node)] > 1]
    assert not copied, copied


def test_no_test_hides_another_of_its_name():
    """Two tests of one name in one place: only the second would run."""
    found = Counter((named(file), holder, node.name) for file in python_files("tests")
                    for holder, body in _bodies(tree(file)) for node in body
                    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"))
    assert not [place for place, count in found.items() if count > 1]


def _bodies(module: ast.Module) -> list[tuple[str, list[ast.stmt]]]:
    classes = [node for node in ast.walk(module) if isinstance(node, ast.ClassDef)]
    return [("", module.body), *((node.name, node.body) for node in classes)]


def test_only_tests_of_real_processes_wait_for_real():
    """Time is an argument; `time.sleep` in a test is a guess about somebody else's speed."""
    waiting = [named(file) for file in python_files("tests") if not named(file).startswith(REAL_TIME)
               for node in nodes(file) if _sleeps(node)]
    assert not waiting, waiting


def _sleeps(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(value=ast.Name("time"), attr="sleep"):
            return True
        case ast.ImportFrom(module="time", names=names):
            return any(alias.name == "sleep" for alias in names)
        case _:
            return False


def test_no_test_is_switched_off_without_a_reason():
    """`skip` and `xfail` carry their reason, or they hide a defect."""
    bare = [named(file) for file in python_files("tests") for node in nodes(file) if _switches_off(node)]
    assert not bare, bare


def _switches_off(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(attr="skip" | "xfail" | "skipif"), args=args, keywords=keywords):
            said = any(keyword.arg == "reason" for keyword in keywords)
            return not said and not any(isinstance(arg, ast.Constant | ast.JoinedStr | ast.Name) for arg in args)
        case _:
            return False
