"""Files on object storage and web servers, as copies in a bounded cache on this disk."""
