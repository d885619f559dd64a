"""Counting the lines of user code."""

import ast
import io
import tokenize
from pathlib import Path

from rival_runs.ways import SCRIPTS

LAYOUT = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)


def python_lines(text):
    """How many lines of Python hold code: no blank ones, no comments, no docstrings."""
    held, docstrings = set(), set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in (*LAYOUT, tokenize.ENDMARKER):
            held.update(range(token.start[0], token.end[0] + 1))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            docstrings.update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(held - docstrings)


def yaml_lines(text):
    """How many lines of YAML are neither blank nor a comment."""
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in text.split("\n"))


def lines_of(names):
    """Lines of code and YAML in these files."""
    count = {".py": python_lines, ".yaml": yaml_lines}
    return sum(count[Path(name).suffix]((SCRIPTS / name).read_text()) for name in names)
