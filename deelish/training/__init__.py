"""Training: the loop over batches, one step of learning, rates over time, the history."""
