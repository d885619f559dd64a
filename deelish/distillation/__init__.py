"""Distillation: losses on a teacher's logits and features, and checks of the teacher."""
