"""`kerasvox train`: a recipe and data to a preset."""

from pathlib import Path
from typing import Annotated

import typer


def train(
    recipe: Annotated[Path, typer.Argument(help="The recipe, a YAML file.")],
    data: Annotated[Path, typer.Option("--data", help="The folder of MIR-1K.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The run's folder; it becomes a preset.")
    ],
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the folder's newest checkpoint.")
    ] = False,
) -> None:
    """Train a preset.

    The folder ends as a preset (weights of the best dev score, metrics, model card) that
    `separate`, `evaluate` and `Separator.from_preset` take. Stop the run as you like: with
    `--resume` it goes on from its last checkpoint.

    Example: `kerasvox train zoo/drnn_mir1k/recipe.yaml --data MIR-1K -o runs/drnn`
    """
    from kerasvox.backend import start_backend
    from kerasvox.training.recipe import read_recipe

    read_recipe(recipe)  # a typo need not wait for the backend
    start_backend()
    from kerasvox.training.trainer import Trainer

    trainer = Trainer(recipe, data, output, resume)
    try:
        print(trainer.run())
    except KeyboardInterrupt:
        typer.echo(f"kerasvox: stopped; go on with --resume -o {output}", err=True)
        raise typer.Exit(130) from None
