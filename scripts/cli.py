"""Run the ``rfssm`` command: each command calls public Python functions and prints their results.

Exit status: 0 done, 1 a check failed, 2 bad input (one message, no traceback), 130 interrupted,
143 terminated (SIGTERM); the tools that a command has started end with it.
Each command imports its modules when it runs, so that ``rfssm --help`` answers at once.
"""

from __future__ import annotations

import signal
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Annotated, NoReturn, TextIO, cast

import typer

import rfssm
from rfssm.errors import RfssmError, one_line, printable
from rfssm.scripts import commands
from rfssm.scripts.app import app
from rfssm.scripts.streams import Guarded, repair_streams

BAD_INPUT, INTERRUPTED, TERMINATED = 2, 130, 128 + signal.SIGTERM
COMMANDS = commands.__all__
"""The commands, which their import has registered."""


def main() -> NoReturn:
    """Run the command line and end the process."""
    repair_streams()
    warnings.showwarning = _show_warning
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit status; an error of the user is printed in one line.

    A closed pipe behind the output does not change the status, but a full disk changes status 0
    to 2.
    """
    out, err = Guarded(sys.stdout), Guarded(sys.stderr)
    with redirect_stdout(cast(TextIO, out)), redirect_stderr(cast(TextIO, err)):
        status = _run(arguments)
        out.flush()
        if out.error is not None and not isinstance(out.error, BrokenPipeError):
            status = status or _refuse(f"standard output: {out.error.strerror}")
        err.flush()
    return status


def _run(arguments: list[str]) -> int:
    try:
        status = app(arguments, prog_name="rfssm", standalone_mode=False)
    except typer.TyperException as error:
        return _refuse(error.format_message())
    except RfssmError as error:
        return _refuse(str(error))
    except KeyboardInterrupt:
        status = INTERRUPTED
    except OSError as error:
        return _refuse(_of_the_system(error))
    except SystemExit as end:
        if end.code != TERMINATED:
            raise
        return _refuse("terminated", TERMINATED)
    except MemoryError as error:
        return _refuse(f"not enough memory ({error}); use fewer samples")
    if status == INTERRUPTED:
        return _refuse("interrupted", INTERRUPTED)
    return status or 0


def _terminate(*_: object) -> NoReturn:
    """Answer SIGTERM by an exception, which ends the tools and processes of a command, too."""
    sys.exit(TERMINATED)


def _of_the_system(error: OSError) -> str:
    """Return the operating system's message, with the file that it is about."""
    try:
        Path.cwd()
    except OSError:
        return "the working directory does not exist any more; change to another"
    name = "" if error.filename is None else f"{error.filename}: "
    return name + (error.strerror or one_line(error))


def _refuse(message: str, status: int = BAD_INPUT) -> int:
    print("error:", printable(message), file=sys.stderr)
    return status


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show rfssm's own warnings in one line; warnings of libraries are for programmers only."""
    if category.__module__.startswith("rfssm."):
        print("warning:", printable(str(message)), file=sys.stderr)


def _show_version(wanted: bool) -> None:
    if wanted:
        print("rfssm", rfssm.__version__)
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _top(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


if __name__ == "__main__":
    main()
