"""The parts of rivals.py: its ways, their lines, environments and trainings, and the table."""
