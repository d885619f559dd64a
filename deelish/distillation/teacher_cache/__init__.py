"""The teacher cache: logits on disk, computed once and read by every student."""
