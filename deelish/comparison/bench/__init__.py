"""Files of the runtimes of small devices, measured each in a process of its own."""
