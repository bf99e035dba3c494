"""The shell's tests run in virtual time."""

from tests.rig.virtual_tests import pytest_pyfunc_call

__all__ = ["pytest_pyfunc_call"]
