"""`selfvid fuse`: one verdict from several runs."""
