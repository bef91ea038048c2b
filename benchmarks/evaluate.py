"""Time of an evaluation with two processes over that with one, in the same run.

    python benchmarks/evaluate.py --preset drnn_mir1k --data MIR-1K [--clips 60]

The start of the processes (importing the backend, tracing the graph) weighs more the fewer clips
there are; `--clips 0` takes all of them.
"""

import argparse
import time

from kerasvox.data.mir1k import MIR1K
from kerasvox.evaluation.evaluate import evaluate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="drnn_mir1k", help="a preset's name or folder")
    parser.add_argument("--data", required=True, help="the folder of MIR-1K")
    parser.add_argument("--split", default="test")
    parser.add_argument("--clips", type=int, default=60, help="how many, spread evenly; 0: all")
    arguments = parser.parse_args()
    names = [clip.name for clip in MIR1K(arguments.data).clips(arguments.split)]
    if arguments.clips:
        names = names[:: max(1, len(names) // arguments.clips)][: arguments.clips]

    seconds, reports = {}, {}
    for processes in (1, 2):
        start = time.perf_counter()
        reports[processes] = evaluate(
            arguments.preset, arguments.data, arguments.split, names=names, processes=processes
        )
        seconds[processes] = time.perf_counter() - start
        print(f"{len(names)} clips, {processes} process(es): {seconds[processes]:.1f} s")
    print(f"two processes / one: {seconds[2] / seconds[1]:.3f}")
    print(f"same report: {reports[1] == reports[2]}")


if __name__ == "__main__":
    main()
