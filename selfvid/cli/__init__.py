"""The command line of selfvid."""
