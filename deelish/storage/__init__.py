"""Files that several processes use at once: atomic writes, locks, record files and their index."""
