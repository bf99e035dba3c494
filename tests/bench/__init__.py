"""Figures of the program, each beside a baseline measured in the same run: `python3 dev.py bench`.

`figures.py` says what a figure is and how the table looks, `central_system.py` and `daemon.py` are the stage, the other
modules measure one thing each. Real processes, real sockets, real time; storage on the disk that holds the repository.
"""
