"""The other side of purity: the pump, the effects, the hardware and the process around the core."""
