"""`kerasvox`: the application that gathers the verbs, and its error messages."""

import signal
import sys
import traceback
from types import FrameType
from typing import Annotated

import typer

from kerasvox import __version__
from kerasvox.cli import data, demo, doctor, evaluate, export, models, separate, serve, train
from kerasvox.errors import KerasvoxError

app = typer.Typer(
    name="kerasvox",
    help="Take the singing voice out of a song, and train, score and ship the models that do.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.command()(separate.separate)
app.command()(train.train)
app.command()(evaluate.evaluate)
app.command()(export.export)
app.command()(serve.serve)
app.command()(models.models)
app.command()(demo.demo)
app.command()(doctor.doctor)
app.add_typer(data.app, name="data")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
) -> None:
    """Take the singing voice out of a song, and train, score and ship the models that do."""


def main() -> None:
    """Run the command line; exit with 0 if all was done, 1 if an input failed, 2 if misused.

    SIGTERM ends it as Ctrl-C does, with 143 for 130, and does so as process 1 of a container too.
    """
    debug = "--debug" in sys.argv
    terminated = False

    def terminate(number: int, frame: FrameType | None) -> None:
        nonlocal terminated
        terminated = True
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, terminate)
    try:
        app()
    except KerasvoxError as error:
        if debug:
            traceback.print_exc()
        print(f"kerasvox: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except SystemExit:
        if terminated:
            sys.exit(128 + signal.SIGTERM)
        raise


if __name__ == "__main__":
    main()
