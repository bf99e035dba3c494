"""A virtual Raspberry Pi: Debian under qemu with simulated gpiochips, the units of `systemd/`, and devices on pseudo-terminals.

Outside the normal test run: `python3 dev.py virtual-pi`. It boots the image, runs a session over real kernel interfaces, cuts the
power in the middle, boots again and looks what became of the session; then it kills the guard and watches the contactor line.
"""
