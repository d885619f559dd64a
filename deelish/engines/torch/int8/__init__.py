"""Learning in int8: a student's own weights, run as the int8 file that it will be runs them."""
