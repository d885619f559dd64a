"""Runtimes of small devices: what runs a file of each, in a process that holds nothing else."""
