"""Things stay small enough to be understood alone."""

import statistics

from tests.house.sources import EVERYTHING, PRODUCT, functions, named, python_files

LONGEST_FUNCTION, LONGEST_MODULE, MEDIAN_FUNCTION = 60, 500, 10


def test_no_function_is_longer_than_a_screen():
    """Sixty lines, docstring included, is the most that one function may take."""
    long = [f"{place}: {place.lines} lines" for place in functions(*EVERYTHING) if place.lines > LONGEST_FUNCTION]
    assert not long, long


def test_no_module_is_longer_than_five_hundred_lines():
    """A module past this is two subjects under one name."""
    lengths = {named(file): len(file.read_text().splitlines()) for file in python_files(*EVERYTHING)}
    assert not {name: lines for name, lines in lengths.items() if lines > LONGEST_MODULE}


def test_half_of_the_product_functions_are_very_short():
    """The median of the product's functions is ten lines at most."""
    assert statistics.median(place.lines for place in functions(*PRODUCT)) <= MEDIAN_FUNCTION
