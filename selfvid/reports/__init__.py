"""One page about a run, for people: everything to look at, nothing to load."""
