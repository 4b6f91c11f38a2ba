"""The command `selfvid fuse`: combine the scores of several runs."""
