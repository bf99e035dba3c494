"""Stories of a whole charge point, in virtual time."""

from tests.rig.virtual_tests import charge_point, pytest_pyfunc_call

__all__ = ["charge_point", "pytest_pyfunc_call"]
