"""The sides of students.py: one distillation by deelish, by timm's train.py and by hand."""
