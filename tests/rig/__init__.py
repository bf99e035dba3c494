"""The whole system under test, in virtual time: loop, clock, network, central system, charge point.

Nothing here sleeps, draws lots or reads a clock: a run is the same run every time, and a day takes seconds.
"""
