"""`kerasvox train`: a recipe and data to a preset."""

import os
from pathlib import Path
from typing import Annotated

import typer


def train(
    recipe: Annotated[Path, typer.Argument(help="The recipe, a YAML file.")],
    data: Annotated[
        Path,
        typer.Option("--data", help="The folder of MIR-1K, of tracks with stems, or of shards."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The run's folder; it becomes a preset.")
    ],
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the folder's newest checkpoint.")
    ] = False,
    strategy: Annotated[
        str,
        typer.Option(
            "--strategy",
            help="`none` (one device), `mirrored` (all GPUs of this machine), `multi-worker` "
            "(several machines), or `auto`: what TF_CONFIG and the visible GPUs suggest.",
        ),
    ] = "auto",
    worker: Annotated[
        int | None,
        typer.Option("--worker", help="Which of --workers this process is, from 0; 0 saves."),
    ] = None,
    workers: Annotated[
        str | None,
        typer.Option("--workers", help="HOST:PORT,HOST:PORT,... of all workers; or set TF_CONFIG."),
    ] = None,
    worker_timeout: Annotated[
        float,
        typer.Option(
            "--worker-timeout", min=1, max=86400, help="Seconds to wait for the other workers."
        ),
    ] = 300,
    profile: Annotated[
        bool, typer.Option("--profile", help="Profile some steps for TensorBoard, in logs/.")
    ] = False,
) -> None:
    """Train a preset.

    The folder ends as a preset (weights of the best dev score, metrics, model card) that
    `separate`, `evaluate` and `Separator.from_preset` take. Stop the run as you like: with
    `--resume` it goes on from its last checkpoint.

    On several machines, start the same command on each with its own number; the batch of the
    recipe is divided among them, and the folder lies where all of them see it.

    Example: `kerasvox train zoo/drnn_mir1k/recipe.yaml --data MIR-1K -o runs/drnn`

    Example: `kerasvox train recipe.yaml --data MIR-1K -o runs/drnn --workers a:2222,b:2222 --worker
    0`
    """
    from kerasvox.backend import start_backend
    from kerasvox.training.distribution import choose
    from kerasvox.training.recipe import read_recipe

    # A typo need not wait for the backend.
    read_recipe(recipe)
    cluster = choose.find_cluster(strategy, worker, workers)
    if cluster is not None:
        # Where a worker goes, one line of ours says so, and not a page of TensorFlow's.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        start_backend(operate=cluster is None)
        distribution = choose.choose(strategy, cluster, worker_timeout)
        from kerasvox.training.trainer import Trainer

        trainer = Trainer(recipe, data, output, resume, profile=profile, distribution=distribution)
        print(trainer.run())
    except KeyboardInterrupt:
        typer.echo(f"kerasvox: stopped; go on with --resume -o {output}", err=True)
        raise typer.Exit(130) from None
