"""Training: the loop over batches, one training step, learning-rate schedules, the history."""
