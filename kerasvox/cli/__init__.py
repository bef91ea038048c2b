"""The command line: one small file a verb, arguments and messages only."""
