"""The networks of two recipes written plainly in PyTorch: what `benchmarks/train.py` compares with.

    python benchmarks/pytorch_baseline.py drnn|bilstm BATCH.npy

trains on the sources in BATCH.npy, float32 `(batch, 2, samples)`, over and over. It reads numbers
of steps from its standard input, one a line, and answers each with a line of JSON: the seconds that
each step took, the first one's loss, and the floating-point operations a second of a matrix
product. Nothing here needs kerasvox or Keras; sizes and
options are those of zoo/drnn_mir1k/recipe.yaml and zoo/two_head_bilstm_mir1k/recipe.yaml.
"""

import json
import sys
import time

import numpy as np
import torch
from torch import nn

GAMMA = 0.05  # of the discriminative loss
DROPOUT = 0.3
CLIP_NORM = 1.0


class DRNN(nn.Module):
    """Three ReLU layers of 1000, the second one recurrent, and a joint mask."""

    n_fft, hop, window = 1024, 512, staticmethod(lambda n: torch.hann_window(n).sqrt())
    learning_rate = 4e-4

    def __init__(self, units: int = 1000, context: int = 3):
        super().__init__()
        self.bins = self.n_fft // 2 + 1
        self.each_side = context // 2
        self.first = nn.Linear(context * self.bins, units)
        self.second = nn.RNN(units, units, nonlinearity="relu", batch_first=True)
        self.third = nn.Linear(units, units)
        self.output = nn.Linear(units, 2 * self.bins)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, mixture: torch.Tensor) -> torch.Tensor:
        frames = mixture.shape[1]
        edges = [mixture[:, :1]] * self.each_side, [mixture[:, -1:]] * self.each_side
        padded = torch.cat([*edges[0], mixture, *edges[1]], dim=1)
        windows = [padded[:, k : k + frames] for k in range(2 * self.each_side + 1)]
        hidden = self.dropout(torch.relu(self.first(torch.cat(windows, dim=-1))))
        hidden = self.dropout(self.second(hidden)[0])
        hidden = self.dropout(torch.relu(self.third(hidden)))
        outputs = self.output(hidden).abs().unflatten(-1, (2, self.bins)).transpose(1, 2) + 1e-7
        return outputs / outputs.sum(dim=1, keepdim=True) * mixture[:, None]

    @staticmethod
    def loss(target: torch.Tensor, estimate: torch.Tensor) -> torch.Tensor:
        to_own = 0.5 * (estimate - target) ** 2
        to_other = 0.5 * (estimate - target.flip(1)) ** 2
        return (to_own - GAMMA * to_other).sum(dim=(1, 3)).mean()


class BiLSTM(nn.Module):
    """Two bidirectional LSTM layers of 300 with a mapping and a masking head."""

    n_fft, hop, window = 1024, 256, staticmethod(torch.hamming_window)
    learning_rate = 1e-3

    def __init__(self, units: int = 300):
        super().__init__()
        bins = self.n_fft // 2 + 1
        self.hidden = nn.LSTM(
            bins, units, num_layers=2, bidirectional=True, dropout=DROPOUT, batch_first=True
        )
        self.dropout = nn.Dropout(DROPOUT)
        self.mapping = nn.Linear(2 * units, bins)
        self.masking = nn.Linear(2 * units, bins)

    def forward(self, mixture: torch.Tensor) -> torch.Tensor:
        hidden = self.dropout(self.hidden(mixture.sqrt())[0])
        mapping = torch.relu(self.mapping(hidden)) ** 2
        masking = torch.sigmoid(self.masking(hidden)) * mixture
        return torch.stack([mapping, masking], dim=1)

    @staticmethod
    def loss(target: torch.Tensor, estimate: torch.Tensor) -> torch.Tensor:
        return ((estimate - target[:, :1]) ** 2).sum(dim=-1).sum(dim=1).mean()


NETWORKS = {"drnn": DRNN, "bilstm": BiLSTM}


def magnitudes(sources: torch.Tensor, network: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the magnitudes of the mixture and of the sources, frames before bins.

    Frame by frame as kerasvox has it: every sample lies in `n_fft / hop` frames.
    """
    batch, stems, samples = sources.shape
    outer = network.n_fft - network.hop
    padded = nn.functional.pad(sources.reshape(-1, samples), (outer, outer))
    spectrum = torch.stft(
        padded,
        network.n_fft,
        network.hop,
        window=network.window(network.n_fft),
        center=False,
        return_complex=True,
    )
    spectrum = spectrum.transpose(1, 2).unflatten(0, (batch, stems))
    power = torch.view_as_real(torch.cat([spectrum.sum(1, keepdim=True), spectrum], 1))
    magnitude = (power.square().sum(-1) + 1e-20).sqrt()
    return magnitude[:, 0], magnitude[:, 1:]


def matmul_rate(size: int = 2048) -> float:
    factor = torch.randn(size, size)
    seconds = []
    for _ in range(8):
        began = time.perf_counter()
        factor @ factor
        seconds.append(time.perf_counter() - began)
    return 2 * size**3 / min(seconds)


def main(name: str, batch: str) -> None:
    torch.manual_seed(0)
    network = NETWORKS[name]().train()
    optimizer = torch.optim.Adam(network.parameters(), network.learning_rate)
    sources = np.load(batch)
    rate = matmul_rate()

    def step() -> float:
        with torch.no_grad():
            mixture, targets = magnitudes(torch.from_numpy(sources), network)
        optimizer.zero_grad()
        loss = network.loss(targets, network(mixture))
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), CLIP_NORM)
        optimizer.step()
        return loss.item()

    for line in sys.stdin:
        seconds, losses = [], []
        for _ in range(int(line)):
            began = time.perf_counter()
            losses.append(step())
            seconds.append(time.perf_counter() - began)
        print(json.dumps({"step": seconds, "loss": losses[0], "rate": rate}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
