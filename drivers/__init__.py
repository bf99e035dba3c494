"""Everything that knows hardware: small drivers behind tiny protocols, loaded only when configured.

Knows nothing of OCPP and never imports `controller`. Start reading at `protocols.py`.
"""
