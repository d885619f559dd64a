"""A teacher's answers kept on disk, so that each is computed once and serves every student."""
