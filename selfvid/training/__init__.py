"""The training loop that every run shares: batches, optimiser, checkpoints, run folder."""
