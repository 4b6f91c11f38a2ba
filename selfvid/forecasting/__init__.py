"""`selfvid forecast`: compare predicted frames with baselines that need no network."""
