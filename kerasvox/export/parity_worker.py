"""A clean process that runs an exported artefact: `python -I parity_worker.py ARTEFACT`.

A script, not a module of the package: that an artefact runs here, where an import of Keras or
kerasvox fails, shows that it needs neither. Requests come as pickles on the standard input, a
dict of `signature`, `inputs` (dict of arrays) and `repeats`; to each goes one pickle to the
standard output, a dict of `outputs` and `seconds` (a list), or of `error` (a line).
"""

import os
import pickle
import sys
import time

FORBIDDEN = ("keras", "tf_keras", "kerasvox")


def _saved_model(path):
    import tensorflow as tf

    signatures = tf.saved_model.load(path).signatures

    def run(signature, inputs):
        outputs = signatures[signature](**{key: tf.constant(each) for key, each in inputs.items()})
        return {key: each.numpy() for key, each in outputs.items()}

    return run


def _onnx(path):
    sys.modules["tensorflow"] = None  # type: ignore[assignment]
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(signature, inputs):
        return dict(zip(names, session.run(names, inputs), strict=True))

    return run


def _answer(run, request):
    seconds = []
    for _ in range(request["repeats"]):
        start = time.perf_counter()
        outputs = run(request["signature"], request["inputs"])
        seconds.append(time.perf_counter() - start)
    return {"outputs": outputs, "seconds": seconds}


def _main():
    # Answers get a stream of their own: what libraries print must not end up between them.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    for module in FORBIDDEN:
        assert module not in sys.modules, f"{module} is imported already"
        sys.modules[module] = None  # type: ignore[assignment]
    path = sys.argv[1]
    run = _onnx(path) if path.endswith(".onnx") else _saved_model(path)
    while True:
        try:
            request = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            reply = _answer(run, request)
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        pickle.dump(reply, answers)
        answers.flush()


if __name__ == "__main__":
    _main()
