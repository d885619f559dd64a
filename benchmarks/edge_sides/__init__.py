"""The parts of edge.py: what is measured, the processes that answer, the tables."""
