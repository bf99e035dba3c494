"""The guard: owns control pilot, contactor, lock and fault inputs, and grants power only under a live offer.

Level-triggered: a hundred times a second it asks what the outputs must be, given all it sees. Has no network,
no database, no OCPP. Must never import `station`, `ocpp` or `store`. Start reading at `decide.py`.
"""
