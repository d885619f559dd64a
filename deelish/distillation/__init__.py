"""Distillation: losses on a teacher's answers, and the checks that the teacher must pass."""
