"""The embedded central system, a development aid."""
