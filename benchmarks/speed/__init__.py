"""The sides of the speed table: each does a row's work in a process of its own."""
