"""The command line: every command takes `key=value` and fails in one sentence."""
