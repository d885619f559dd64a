"""What every folder may use: printing, checks of values, the processes of a training."""
