"""Our messages against the JSON schemas of OCPP 1.6, as the independent `ocpp` package ships them.

`schemas.py` reads them and holds the table of places where the specification asks for something else; `instances.py` makes
payloads, right and wrong, from a schema alone.
"""
