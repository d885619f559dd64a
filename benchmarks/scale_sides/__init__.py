"""The sides of scale.py: one distillation by a script of deelish and by DistributedDataParallel."""
