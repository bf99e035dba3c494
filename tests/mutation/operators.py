"""What is changed: every small slip of a programmer that still compiles, one per mutant.

Comparisons swapped and off by one, `and` for `or`, `not` added, arithmetic swapped, numbers moved, constants for returned
values, `min` for `max`, statements and assignments left out, members taken out of tuples, sets and dictionaries, default
arguments changed. Annotations, type aliases, docstrings, imports and `__slots__` are left alone: they decide nothing.
"""

import ast
import copy
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias


class Mutant(NamedTuple):
    """One change of one module."""

    module: str
    line: int
    text: str
    """The first line of the changed statement."""
    change: str
    source: str
    """The whole changed module."""

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {self.change}"


Change: TypeAlias = tuple[str, Callable[[], None], Callable[[], None]]
"""In words, how it is made, how it is taken back."""

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}
CALLS = {"min": "max", "max": "min", "all": "any", "any": "all"}


def mutants(module: str, source: str) -> Iterator[Mutant]:
    """Every mutant of a module, in the order of its lines."""
    tree = ast.parse(source)
    lines = source.splitlines()
    original = ast.unparse(tree)
    for statement in _statements(tree):
        for words, make, take_back in _changes(statement):
            make()
            changed = ast.unparse(ast.fix_missing_locations(tree))
            take_back()
            if changed != original:
                yield Mutant(module, statement.lineno, lines[statement.lineno - 1].strip(), words, changed)


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and not isinstance(node, ast.Import | ast.ImportFrom) and not _decides_nothing(node):
            yield node


def _decides_nothing(statement: ast.stmt) -> bool:
    """A type alias is for the checker; `__slots__` are memory and speed, for no attribute is made outside `__init__`."""
    alias = isinstance(statement, ast.AnnAssign) and isinstance(statement.annotation, ast.Name) and statement.annotation.id == "TypeAlias"
    slots = isinstance(statement, ast.Assign) and [ast.unparse(target) for target in statement.targets] == ["__slots__"]
    return alias or slots


def _changes(statement: ast.stmt) -> Iterator[Change]:
    yield from _without(statement)
    for parent, node in _own_nodes(statement):
        yield from _of_expression(node)
        yield from _replaced(parent, node)
    if isinstance(statement, ast.Return) and statement.value is not None:
        yield from _returns(statement)
    if isinstance(statement, ast.If | ast.While):
        yield from _negated(statement, "test")


def _own_nodes(statement: ast.stmt) -> Iterator[tuple[ast.AST, ast.AST]]:
    """The expressions of a statement, not those of the statements inside it nor its annotations, each with its parent."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        parent = waiting.pop()
        for name, value in ast.iter_fields(parent):
            if name in ("annotation", "returns", "type_comment", "decorator_list"):
                continue
            for node in value if isinstance(value, list) else [value]:
                if isinstance(node, ast.AST) and not isinstance(node, ast.stmt):
                    waiting.append(node)
                    yield parent, node


# -- statements --------------------------------------------------------------------------------------------------------------


def _without(statement: ast.stmt) -> Iterator[Change]:
    """Leave a statement out of its block."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(statement, name, None)
        if not isinstance(block, list):
            continue
        for place, inner in enumerate(block):
            if _says_something(inner):
                yield _set_item(block, place, ast.Pass(), f"without `{_short(inner)}`")


def _says_something(statement: ast.stmt) -> bool:
    docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    declaration = isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.AnnAssign | ast.Pass | ast.Assert) or _decides_nothing(statement)
    if isinstance(statement, ast.AnnAssign):  # a field without its line is another class; an attribute may be forgotten
        return isinstance(statement.target, ast.Attribute)
    return not docstring and not declaration


def _returns(statement: ast.Return) -> Iterator[Change]:
    verdict = isinstance(statement.value, ast.Compare | ast.BoolOp | ast.UnaryOp | ast.Constant)
    for value in (None, True, False) if verdict else (None,):
        if not (isinstance(statement.value, ast.Constant) and statement.value.value is value):
            yield _set(statement, "value", ast.Constant(value), f"return {value}")


def _negated(node: ast.AST, name: str) -> Iterator[Change]:
    test = getattr(node, name)
    if not isinstance(test, ast.Compare) or len(test.ops) > 1:
        yield _set(node, name, ast.UnaryOp(ast.Not(), test), f"not `{_short(test)}`")


# -- expressions -------------------------------------------------------------------------------------------------------------


def _of_expression(node: ast.AST) -> Iterator[Change]:
    """Changes within one expression."""
    match node:
        case ast.Compare():
            for place, operator in enumerate(node.ops):
                for other in COMPARISONS[type(operator)]:
                    yield _set_item(node.ops, place, other(), f"`{_short(node)}`: {other.__name__}")
        case ast.BoolOp(op, values):
            opposite = ast.Or() if isinstance(op, ast.And) else ast.And()
            yield _set(node, "op", opposite, f"`{_short(node)}`: {type(opposite).__name__}")
            for place, value in enumerate(values):
                yield _shortened(values, place, f"`{_short(node)}` without `{_short(value)}`")
        case ast.BinOp(_, op, _) | ast.AugAssign(_, op, _) if type(op) in ARITHMETIC:
            yield _set(node, "op", ARITHMETIC[type(op)](), f"`{_short(node)}`: {ARITHMETIC[type(op)].__name__}")
        case ast.UnaryOp(ast.Not(), operand) | ast.UnaryOp(ast.USub(), operand):
            yield _set(node, "op", ast.UAdd() if isinstance(node.op, ast.USub) else ast.Not(), f"`{_short(node)}`: +")
            if isinstance(node.op, ast.Not):
                yield _set(node, "operand", ast.UnaryOp(ast.Not(), operand), f"`{_short(node)}`: no not")
        case ast.IfExp():
            yield from _negated_always(node)
        case ast.Call(ast.Name(name)) if name in CALLS:
            yield _set(node.func, "id", CALLS[name], f"`{_short(node)}`: {CALLS[name]}")
        case ast.Tuple(elts) | ast.Set(elts) | ast.List(elts) if isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            for place, element in enumerate(elts):
                yield _shortened(elts, place, f"`{_short(node)}` without `{_short(element)}`")
        case ast.Dict(keys, values):
            for place, key in enumerate(keys):
                yield _shorter_dict(keys, values, place, f"without the key `{_short(key)}`")


def _negated_always(node: ast.IfExp) -> Iterator[Change]:
    yield _set(node, "test", ast.UnaryOp(ast.Not(), node.test), f"not `{_short(node.test)}`")


def _replaced(parent: ast.AST, node: ast.AST) -> Iterator[Change]:
    """Another constant in the place of one."""
    if not isinstance(node, ast.Constant) or isinstance(parent, ast.JoinedStr | ast.FormattedValue | ast.Expr):
        return
    for other in _other_constants(node.value):
        yield _set(node, "value", other, f"{node.value!r} -> {other!r}")


def _other_constants(value: object) -> list[object]:
    match value:
        case bool():
            return [not value]
        case int():
            return [value + 1, value - 1]
        case float():
            return [value * 1.01 + 0.001, value * 0.99 - 0.001]
        case None:
            return [0]
        case _:
            return []


# -- making and taking back -----------------------------------------------------------------------------------------------------


def _set(owner: Any, name: str, value: object, words: str) -> Change:
    before = getattr(owner, name)
    return words, lambda: setattr(owner, name, value), lambda: setattr(owner, name, before)


def _set_item(items: list[Any], place: int, value: object, words: str) -> Change:
    before = items[place]
    return words, lambda: items.__setitem__(place, value), lambda: items.__setitem__(place, before)


def _shortened(items: list[Any], place: int, words: str) -> Change:
    before = copy.copy(items)
    return words, lambda: items.__delitem__(place), lambda: items.__setitem__(slice(None), before)


def _shorter_dict(keys: list[Any], values: list[Any], place: int, words: str) -> Change:
    before = copy.copy(keys), copy.copy(values)

    def make() -> None:
        del keys[place], values[place]

    def take_back() -> None:
        keys[:], values[:] = before

    return words, make, take_back


def _short(node: ast.AST | None) -> str:
    words = ast.unparse(node).splitlines()[0] if node is not None else "**"
    return words if len(words) <= 90 else words[:87] + "..."
