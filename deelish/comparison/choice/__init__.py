"""The choice of a student for a device: candidates, their measurement, and the rule."""
