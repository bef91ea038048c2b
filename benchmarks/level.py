"""Does a preset depend on how loud the song is?

    python benchmarks/level.py PRESET --data MIR-1K

prints vocals GNSDR on the dev clips with their level changed by some dB, the estimate changed back
before it is scored.
"""

import argparse

import numpy as np

from kerasvox import Separator
from kerasvox.data.mir1k import MIR1K
from kerasvox.evaluation.scores import score_stems, weighted_means

GAINS = (-40, -30, -20, -10, 0, 10, 20)  # dB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("preset")
    parser.add_argument("--data", required=True, help="the folder of MIR-1K")
    arguments = parser.parse_args()
    separator = Separator.from_preset(arguments.preset)
    clips = [clip.sources(separator.sample_rate) for clip in MIR1K(arguments.data).clips("dev")]
    for gain in GAINS:
        factor = np.float32(10 ** (gain / 20))
        scored = []
        for sources in clips:
            stems = separator.predict_on_batch(factor * sources.sum(axis=0)[None])
            estimates = np.stack([stems[name][0] for name in separator.stems]) / factor
            scored.append((sources.shape[1], score_stems(sources, estimates)))
        gnsdr = weighted_means(scored)["vocals"]["GNSDR"]
        print(f"{gain:+d} dB: vocals GNSDR {gnsdr:.4f} dB")


if __name__ == "__main__":
    main()
