"""Durable state behind a narrow door: `load()` at start, `commit(records)` after every step that asks for it.

Knows rows, not rules. Must never import `station`, `shell` or `guard`'s machinery. Start reading at `store.py`.
"""
