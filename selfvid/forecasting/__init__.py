"""`selfvid forecast`: compare the frames that a run predicts with baselines without a network."""
