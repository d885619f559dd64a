"""Files for the runtimes of small devices: written by converters, checked by running them."""
