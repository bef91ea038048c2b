"""Whether scores can be computed."""

import numpy as np

from kerasvox.doctor.finding import Finding, one_line

_SAMPLES = 8000
# The estimate of each source has a tenth of the other one's amplitude: 20 dB below it.
_LEAK, _EXPECTED = 0.1, 20.0


def check_metric() -> Finding:
    """Score two noises, each with a known share of the other in it."""
    advice = "pip install --force-reinstall museval"
    try:
        from kerasvox.evaluation.bss_eval import bss_eval

        sources = np.random.default_rng(0).normal(size=(2, _SAMPLES))
        interference = float(bss_eval(sources, sources + _LEAK * sources[::-1]).sir.mean())
    except Exception as error:  # whatever a broken installation comes up with
        return Finding("metric", "BSS-Eval", "broken", f"fails ({one_line(error)})", advice)
    data = {"sir": interference}
    if not abs(interference - _EXPECTED) < 1:
        found = f"finds an SIR of {interference:.1f} dB where it is {_EXPECTED:.0f} dB"
        return Finding("metric", "BSS-Eval", "broken", found, advice, data)
    return Finding("metric", "BSS-Eval", "ok", f"an SIR of {interference:.1f} dB", data=data)
