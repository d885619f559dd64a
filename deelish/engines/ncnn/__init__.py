"""ncnn: its files, made by the program pnnx."""
