"""Files in the user's cache that several processes use at once: place, lock, front, records."""
