"""The house rules as tests: what is written down in README.md and docs/, held against the repository itself.

They read files and the syntax tree; nothing of the product runs but its argument parser and configuration check.
"""
