"""Tests of this folder that are `async def` run in virtual time; those on real sockets say so."""

from tests.rig.virtual_tests import pytest_pyfunc_call

__all__ = ["pytest_pyfunc_call"]
