"""The simulated world: car, contactor, bolt, supply, meter and cards, in volts and amperes.

Drives mock mode, the demo and the tests, in real or virtual time: everything that takes time is an appointment that
falls due when somebody looks. `outlet.py` is the physics of one connector, `world.py` the whole, `devices.py` the drivers
over it, `port.py` the way to it from another process.
"""
