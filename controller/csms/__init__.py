"""The embedded central system: a development aid for the demo and for tests, not a product."""
