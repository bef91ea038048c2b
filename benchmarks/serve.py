"""Load test of the embedded model server: errors, latency and memory.

    python benchmarks/serve.py MODELS_DIR --model drnn_mir1k --clients 8 --seconds 60 --garbage 0.05

starts `kerasvox serve` on MODELS_DIR (written by `kerasvox export`), lets concurrent clients send
clips of 1 to 30 s of a synthetic song, and prints latencies and how the server's memory grew after
the first ten seconds. A share of the requests can be garbage: each of those must be refused with a
status of the 400s and a reason. Exit code 0 only if all of it went well.
"""

import argparse
import base64
import concurrent.futures
import io
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import requests
import soundfile

RATE = 16000
SHORTEST, LONGEST = 1.0, 30.0  # seconds of a clip
WARM_SECONDS = 10.0
MOST_GROWTH = 1.05
REFUSALS = range(400, 500)


@dataclass
class Tally:
    """What the clients saw."""

    latencies: list[float] = field(default_factory=list)
    audio_seconds: float = 0.0
    refused: int = 0
    failures: list[str] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", type=Path, help="folder of exported models")
    parser.add_argument("--model", default="drnn_mir1k")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--garbage", type=float, default=0.0, help="share of garbage, 0 to 1")
    options = parser.parse_args()
    with tempfile.TemporaryFile("w+") as log:
        command = [sys.executable, "-m", "kerasvox.cli.main", "serve", str(options.models)]
        command += ["--engine", "embedded", "--port", "0"]
        server = subprocess.Popen(command, stderr=log)
        try:
            result = load(server, wait_for_url(server, log), options)
        finally:
            server.terminate()
            code = server.wait(90)
    result["server_exit_code"] = code
    print(json.dumps(result, indent=2))
    good = result["requests"] and not result["failed"] and not code
    growing = options.seconds > WARM_SECONDS and result["memory_growth"] > MOST_GROWTH
    sys.exit(0 if good and not growing else 1)


def wait_for_url(server: subprocess.Popen, log) -> str:
    while server.poll() is None:
        log.seek(0)
        if found := re.search(r"ready at (\S+)", log.read()):
            return found[1]
        time.sleep(0.1)
    log.seek(0)
    sys.exit(f"the server did not start: {log.read()}")


def load(server: subprocess.Popen, url: str, options: argparse.Namespace) -> dict:
    """Send requests from all clients for a while; return what came of it."""
    song = demo_song_at_16_khz()
    garbage = garbage_requests(options.model, song)
    process = psutil.Process(server.pid)
    clients = [LoadClient(url, options, song, garbage, seed) for seed in range(options.clients)]
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(options.clients) as pool:
        running = [pool.submit(each.run, start + options.seconds) for each in clients]
        memory = []
        while time.monotonic() < start + options.seconds:
            memory.append((time.monotonic() - start, process.memory_info().rss))
            time.sleep(0.25)
        tallies = [each.result() for each in running]
    latencies = sorted(value for tally in tallies for value in tally.latencies)
    failures = [failure for tally in tallies for failure in tally.failures]
    warm = highest(memory, 0, WARM_SECONDS)
    late = highest(memory, WARM_SECONDS, options.seconds) or warm
    return {
        "clients": options.clients,
        "seconds": options.seconds,
        "requests": len(latencies),
        "garbage_refused": sum(tally.refused for tally in tallies),
        "failed": len(failures),
        "failures": failures[:10],
        "audio_seconds_per_second": round(
            sum(tally.audio_seconds for tally in tallies) / options.seconds, 1
        ),
        "latency_p50": round(statistics.median(latencies), 3) if latencies else None,
        "latency_p99": round(float(np.quantile(latencies, 0.99)), 3) if latencies else None,
        "memory_mib_first_ten_seconds": round(warm / 2**20),
        "memory_mib_later": round(late / 2**20),
        "memory_mib_at_the_end": round(memory[-1][1] / 2**20),
        "memory_growth": round(late / warm, 3),
        "cores": os.cpu_count(),
    }


def highest(memory: list[tuple[float, int]], begin: float, end: float) -> int:
    return max((size for second, size in memory if begin <= second < end), default=0)


def demo_song_at_16_khz() -> np.ndarray:
    from kerasvox.audio.demo_song import RATE as SONG_RATE
    from kerasvox.audio.demo_song import demo_song
    from kerasvox.audio.resampler import resample

    mixture = resample(sum(demo_song()), SONG_RATE, RATE)[0]
    return np.tile(mixture, int(LONGEST * RATE) // len(mixture) + 1)


class LoadClient:
    """A client that sends one request after the other, most of them clips.

    Args:
        url: of the server.
        options: the program's arguments.
        song: samples to cut clips from.
        garbage: name, body and model of requests that must be refused.
        seed: of the client's choices.
    """

    def __init__(self, url, options, song, garbage, seed):
        self.models = f"{url}/v1/models"
        self.model = options.model
        self.share = options.garbage
        self.song = song
        self.garbage = garbage
        self.chance = random.Random(seed)
        self.tally = Tally()

    def run(self, end: float) -> Tally:
        """Send requests until the time `end`."""
        with requests.Session() as self.session:
            while time.monotonic() < end:
                if self.chance.random() < self.share:
                    self.send_garbage()
                else:
                    self.send_clip()
        return self.tally

    def send_clip(self) -> None:
        """Send a clip; its stems must come back whole."""
        samples = int(self.chance.uniform(SHORTEST, LONGEST) * RATE)
        start = self.chance.randrange(len(self.song) - samples + 1)
        body = wav_request(wav(self.song[start : start + samples]))
        begin = time.perf_counter()
        try:
            response = self.post(body, self.model)
            if response.status_code != 200:
                raise ValueError(f"status {response.status_code}, {response.text[:200]}")
            check_stems(response.json()["predictions"][0], samples)
        except (requests.RequestException, ValueError, KeyError) as error:
            self.tally.failures.append(f"{samples / RATE:.1f} s: {error}")
            return
        self.tally.latencies.append(time.perf_counter() - begin)
        self.tally.audio_seconds += samples / RATE

    def send_garbage(self) -> None:
        """Send garbage; it must be refused with a reason."""
        name, body, model = self.chance.choice(self.garbage)
        try:
            response = self.post(body, model)
            reason = response.json()["error"]
        except (requests.RequestException, ValueError, KeyError) as error:
            self.tally.failures.append(f"garbage ({name}): {error}")
            return
        if response.status_code in REFUSALS and reason:
            self.tally.refused += 1
        else:
            self.tally.failures.append(
                f"garbage ({name}): status {response.status_code}, {reason!r}"
            )

    def post(self, body: bytes, model: str) -> requests.Response:
        """Send a predict request."""
        return self.session.post(f"{self.models}/{model}:predict", data=body, timeout=120)


def check_stems(prediction: dict, samples: int) -> None:
    for stem in ("vocals", "accompaniment"):
        content = base64.b64decode(prediction[f"{stem}_bytes"]["b64"])
        frames = soundfile.info(io.BytesIO(content)).frames
        if frames != samples:
            raise ValueError(f"{frames} samples of {stem} came back for {samples}")


def garbage_requests(model: str, song: np.ndarray) -> list[tuple[str, bytes, str]]:
    second = song[:RATE]
    good = wav(second)
    return [
        ("empty body", b"", model),
        ("no JSON", b"\x00\xff garbage", model),
        ("deeply nested", b"[" * 100_000, model),
        ("NaN", b'{"instances": [[NaN, 0.0]]}', model),
        ("infinite", b'{"instances": [[1e999, 0.0]]}', model),
        ("no samples", b'{"instances": [[]]}', model),
        ("no clips", b'{"instances": []}', model),
        ("ragged", b'{"instances": [[0.0, 0.0], [0.0]]}', model),
        ("strings", b'{"instances": [["a"]]}', model),
        ("wrong name", b'{"inputs": {"wave": [[0.0]]}}', model),
        ("wrong signature", b'{"signature_name": "x", "instances": [[0.0]]}', model),
        ("no base64", b'{"signature_name": "wav_bytes", "instances": [{"b64": "!"}]}', model),
        ("empty WAV", wav_request(b""), model),
        ("no WAV", wav_request(b"this is no WAV file" * 100), model),
        ("truncated WAV", wav_request(good[: len(good) // 2]), model),
        ("wrong rate", wav_request(wav(second, rate=44100)), model),
        ("24 bits", wav_request(wav(second, subtype="PCM_24")), model),
        ("8 channels", wav_request(wav(np.stack([second] * 8, axis=1))), model),
        ("two minutes", wav_request(wav(np.tile(song, 5)[: 120 * RATE])), model),
        ("unknown model", wav_request(good), "un" + model),
    ]


def wav(samples: np.ndarray, rate: int = RATE, subtype: str = "PCM_16") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, subtype=subtype, format="WAV")
    return file.getvalue()


def wav_request(content: bytes) -> bytes:
    instance = {"b64": base64.b64encode(content).decode("ascii")}
    return json.dumps({"signature_name": "wav_bytes", "instances": [instance]}).encode()


if __name__ == "__main__":
    main()
