"""The `vdx` command: one module per sub-command, each imported when it is called."""
