"""Scores of the outputs that Huang et al. published, beside a preset's, with one protocol.

    python benchmarks/authors_outputs.py RESULTS --data MIR-1K [--preset drnn_mir1k]

RESULTS is the folder `codes/mir1k/demo/results` of the authors' repository
(posenhuang/deeplearningsourceseparation): their DRNN's soft-masked voice and music of six clips.
"""

import argparse
from pathlib import Path

import numpy as np
import soundfile

from kerasvox.data.clip import Clip
from kerasvox.data.mir1k import MIR1K, split_of
from kerasvox.errors import DataError
from kerasvox.evaluation.scores import score_stems
from kerasvox.evaluation.worker import estimate_stems
from kerasvox.models.separator import Separator

# Their voice is called signal, their music noise.
PATTERN = "{clip}_iter400_softmask_{part}.wav"
RATIOS = ("NSDR", "SIR", "SAR")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="the folder of the authors' wavs")
    parser.add_argument("--data", required=True, help="the folder of MIR-1K")
    parser.add_argument("--preset", default="drnn_mir1k", help="a preset's name or folder")
    arguments = parser.parse_args()
    separator = Separator.from_preset(arguments.preset)
    header = "".join(f"{ratio:>8}" for ratio in RATIOS)
    print(f"{'vocals, dB':28}{'authors':>12}{'ours':>24}\n{'':16}{header}{header}")
    for clip in find_clips(arguments.results, arguments.data):
        sources = clip.sources(separator.sample_rate)
        theirs = score_stems(sources, read_estimates(arguments.results, clip))["vocals"]
        ours = score_stems(sources, estimate_stems(separator, sources.sum(axis=0)))["vocals"]
        values = [scores[ratio] for scores in (theirs, ours) for ratio in RATIOS]
        print(f"{clip.name:16}" + "".join(f"{value:8.2f}" for value in values))


def find_clips(results: Path, data: str) -> list[Clip]:
    suffix = PATTERN.format(clip="", part="signal")
    names = sorted(path.name.removesuffix(suffix) for path in results.glob(f"*{suffix}"))
    if not names:
        raise DataError(f"{results}: holds no file *{suffix}")
    mir1k = MIR1K(data)
    clips = {clip.name: clip for name in names for clip in mir1k.clips(split_of(name))}
    return [clips[name] for name in names if name in clips]


def read_estimates(results: Path, clip: Clip) -> np.ndarray:
    parts = [
        soundfile.read(results / PATTERN.format(clip=clip.name, part=part), dtype="float32")[0]
        for part in ("signal", "noise")
    ]
    return np.stack(parts)


if __name__ == "__main__":
    main()
