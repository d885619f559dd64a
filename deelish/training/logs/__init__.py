"""Where a training is written while it runs, for people who watch it: one file for each kind."""
