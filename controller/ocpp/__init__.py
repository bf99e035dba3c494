"""The wire: OCPP 1.6-J messages, frames and call matching; pure but for `connection.py`.

Must never import `station`, `store` or `shell`. Start reading at `session.py`.
"""
