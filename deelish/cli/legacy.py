"""Runs a script. For scripts of Deel (2016) it provides the module names that they import."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, ModuleType, TracebackType

from deelish.errors import ScriptError

OLD_NAME = "deel"


def run_script(path: str | Path, argv: Sequence[str] = ()) -> None:
    """Run the script at `path` as `__main__`, as `python path argv...` does.

    The names `deel`, `deel.commands`, `deel.network` and so on refer to deelish during the run.
    `sys.argv`, `sys.path` and `sys.modules` are as before afterwards, also after an error.
    Errors of the script itself pass through unchanged.

    Raises ScriptError when the script cannot be read or compiled, or when it imports a
    name of Deel that deelish does not have.
    """
    script = os.fspath(path)
    code = _compile(script)
    main = ModuleType("__main__")
    main.__file__ = script
    with _old_modules(), _as_main(main, [script, *argv]):
        try:
            exec(code, vars(main))
        except ImportError as error:
            if (error.name or "").partition(".")[0] != OLD_NAME:
                raise
            raise ScriptError(_missing(error)) from error


def _read(script: str) -> str:
    try:
        data = Path(script).read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise ScriptError(f"{script}: {reason}; give the path of a Python script") from None
    try:
        return importlib.util.decode_source(data)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ScriptError(
            f"{script} line {line}: byte 0x{data[error.start]:02x} is not {error.encoding}; "
            "save the script as UTF-8"
        ) from None
    except SyntaxError as error:  # of the encoding that the first two lines name or omit
        raise ScriptError(f"{script}: {error.msg}; save the script as UTF-8") from None


def _compile(script: str) -> CodeType:
    source = _read(script)
    try:
        return compile(source, script, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise ScriptError(_refusal(script, error)) from None
    except ValueError as error:  # Python 3.11.0 to 3.11.3 on a null byte
        raise ScriptError(f"{script}: {error}; give the path of a Python script") from None


def _refusal(script: str, error: SyntaxError) -> str:
    if error.lineno is None:
        return f"{script}: {error.msg}; give the path of a Python script"
    where = f"{script} line {error.lineno}"
    if "call to 'print'" in error.msg:
        return f"{where}: a Python 2 print statement{_corrected(error)}"
    text = (error.text or "").strip()
    shown = f", `{text}`" if text else ""
    return f"{where}: {error.msg}{shown}; Python cannot run the script until this is corrected"


def _corrected(error: SyntaxError) -> str:
    """The statement and its Python 3 form, where it is on one line."""
    if error.text is None or error.offset is None or error.end_offset is None:
        return "; write it as `print(...)`"
    if error.lineno != error.end_lineno:
        return "; write it as `print(...)`"
    statement = error.text[error.offset - 1 : error.end_offset - 1].strip()
    shown = statement.removeprefix("print").strip()
    # A comma at the end kept the cursor on the line.
    shown = f"{shown.removesuffix(',')}, end=' '" if shown.endswith(",") else shown
    return f", `{statement}`; write `print({shown})`"


def _missing(error: ImportError) -> str:
    """The name of Deel that deelish does not have, the line that imports it, and known modules."""
    filename, line = _last_line(error.__traceback__)
    found = re.match(r"cannot import name '(\w+)'", error.msg)
    missing = f"{found[1]!r} in {error.name!r}" if found else repr(error.name)
    known = ", ".join(sorted(name for name in sys.modules if _is_old(name)))
    return f"{filename} line {line}: deelish has no {missing}; it has the modules {known}"


def _last_line(traceback: TracebackType | None) -> tuple[str, int]:
    filename, line = "", 0
    while traceback is not None:
        filename, line = traceback.tb_frame.f_code.co_filename, traceback.tb_lineno
        traceback = traceback.tb_next
    return filename, line


def _is_old(name: str) -> bool:
    return name.partition(".")[0] == OLD_NAME


@contextmanager
def _as_main(main: ModuleType, argv: list[str]) -> Iterator[None]:
    saved = sys.modules["__main__"], sys.argv, sys.path
    folder = str(Path(argv[0]).resolve().parent)
    sys.modules["__main__"], sys.argv, sys.path = main, argv, [folder, *sys.path]
    try:
        yield
    finally:
        sys.modules["__main__"], sys.argv, sys.path = saved


@contextmanager
def _old_modules() -> Iterator[None]:
    """Deel's module names in `sys.modules`; they hide a real Deel beside the script."""
    saved = {name: module for name, module in sys.modules.items() if _is_old(name)}
    for name in saved:
        del sys.modules[name]
    sys.modules.update(_make_modules())
    try:
        yield
    finally:
        for name in [name for name in sys.modules if _is_old(name)]:
            del sys.modules[name]
        sys.modules.update(saved)


def _make_modules() -> dict[str, ModuleType]:
    import deelish
    from deelish.networks import FAMILIES

    language: dict[str, object] = {name: getattr(deelish, name) for name in dir(deelish)}
    families: dict[str, object] = {family.__name__: family for family in FAMILIES.values()}
    contents = {
        "deel": language,
        "deel.commands": language,
        "deel.deel": language,
        "deel.tensor": language,
        "deel.network": language | families,
        "deel.network.caffenet": language,
    }
    for name, family in FAMILIES.items():
        contents[f"deel.network.{name}"] = language | {family.__name__: family}
    modules = {name: _module(name, names) for name, names in contents.items()}
    for name, module in modules.items():
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(modules[parent], child, module)
    return modules


def _module(name: str, names: dict[str, object]) -> ModuleType:
    module = ModuleType(name, "deelish, under the module name that Deel's scripts import.")
    vars(module).update(names)
    vars(module)["__all__"] = list(names)
    # An empty path makes it a package in which Python finds nothing more.
    module.__path__ = []
    return module
