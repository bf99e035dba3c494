"""Writes the generated pages of this folder; `--check` only compares them."""

print("nothing is generated yet")
