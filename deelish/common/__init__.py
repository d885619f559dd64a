"""What every folder may use: printing, checks of values, the process group."""
