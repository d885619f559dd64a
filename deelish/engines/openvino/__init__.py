"""OpenVINO: computes the logits of teachers, in a process of its own."""
