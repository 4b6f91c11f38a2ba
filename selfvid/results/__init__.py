"""What the result files of all commands have in common: tables, protocols, leaks and scores."""
