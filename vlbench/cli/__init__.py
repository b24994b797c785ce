"""The command line: one file per command, with its flags, one call and its printing."""
