"""The station: the pure core. One module per OCPP feature; events in, records and commands out.

No clock, socket, database, randomness or await. Must never import `asyncio`, `time`, `store`, `shell` or a driver's
implementation. Start reading at `station.py`.
"""
