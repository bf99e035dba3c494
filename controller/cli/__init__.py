"""The command `evcp`: one module per verb, imported when used."""
