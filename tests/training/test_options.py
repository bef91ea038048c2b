import math

import keras
import numpy as np
import pytest
from checkpoint_arrays import newest, state

from kerasvox import presets
from kerasvox.errors import RecipeError, TrainingError
from kerasvox.models.separator import Separator
from kerasvox.training.averaged_weights import averaged_weights
from kerasvox.training.build import build_loss, build_separator, float32_twin
from kerasvox.training.checkpoint_files import write_checkpoint
from kerasvox.training.dev_score_rules import RateOnPlateau, StopEarly, stopped_early
from kerasvox.training.dev_scores import DevScores
from kerasvox.training.finite_loss import FiniteLoss
from kerasvox.training.magnitude_training import MagnitudeTraining
from kerasvox.training.optimizer import build_optimizer
from kerasvox.training.recipe import read_recipe
from kerasvox.training.trainer import Trainer


@pytest.fixture
def read(tmp_path):
    """Reads a recipe with these options."""

    def read(optimizer="", more=""):
        path = tmp_path / "options.yaml"
        path.write_text(
            f"name: tiny\nsteps: 100\noptimizer: {{{optimizer}}}\n{more}\n"
            "model: {units: 8, n_fft: 64, hop: 32}\n"
        )
        return read_recipe(path)

    return read


def training(recipe):
    """Return a recipe's model to fit, which starts with the same weights every time."""
    keras.utils.set_random_seed(1)
    model = MagnitudeTraining(build_separator(recipe))
    model.compile(build_optimizer(recipe), build_loss(recipe))
    model.build()
    model.optimizer.build(model.trainable_variables)
    return model


def batch(examples=4, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, (examples, 2, 640)).astype("float32")


def values(variables):
    return [keras.ops.convert_to_numpy(variable).copy() for variable in variables]


def rates(optimizer, steps):
    return [float(optimizer._learning_rate(step)) for step in steps]


def test_schedules(read):
    cosine = build_optimizer(read("learning_rate: 0.1, final_learning_rate: 0.01"))
    assert rates(cosine, [0, 50, 100]) == pytest.approx([0.1, 0.055, 0.01])
    options = "schedule: warmup_cosine, warmup_steps: 20"
    warmup = build_optimizer(read(f"learning_rate: 0.1, final_learning_rate: 0.01, {options}"))
    assert rates(warmup, [0, 10, 20, 60, 100]) == pytest.approx([0, 0.05, 0.1, 0.055, 0.01])
    constant = build_optimizer(read("learning_rate: 0.1, schedule: constant"))
    assert float(constant.learning_rate) == pytest.approx(0.1)


def test_optimizers(read):
    assert type(build_optimizer(read())) is keras.optimizers.Adam
    adamw = build_optimizer(read("name: adamw, weight_decay: 0.5, clip_norm: 2"))
    assert type(adamw) is keras.optimizers.AdamW
    assert (adamw.weight_decay, adamw.global_clipnorm) == (0.5, 2)
    sgd = build_optimizer(read("name: sgd, momentum: 0.25"))
    assert type(sgd) is keras.optimizers.SGD
    assert sgd.momentum == 0.25


@pytest.mark.parametrize("ema", ["", ", ema_momentum: 0.5"])
def test_two_accumulated_half_batches_are_one_batch(read, ema):
    rate = "learning_rate: 0.01, schedule: constant"
    whole = training(read(rate + ema))
    halves = training(read(f"{rate}, gradient_accumulation_steps: 2{ema}"))
    start = values(whole.trainable_variables)
    for step in range(3):
        data = batch(seed=step)
        whole.train_on_batch(data)
        halves.train_on_batch(data[:2])
        halves.train_on_batch(data[2:])
    for one, other in zip(*map(values_of_training, (whole, halves)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    changes = zip(start, values_of_training(whole), strict=True)
    assert max(np.abs(after - before).max() for before, after in changes) > 0.01
    if ema:
        # Keras averages with every batch: after the next half, two half batches have counted.
        halves.train_on_batch(batch(2, seed=9))
        with averaged_weights(whole), averaged_weights(halves):
            for one, other in zip(*map(values_of_training, (whole, halves)), strict=True):
                np.testing.assert_allclose(one, other, atol=1e-5)


def values_of_training(model):
    return values(model.trainable_variables)


def test_averaged_weights_are_the_moving_average_and_leave_no_trace(read):
    model = training(read("learning_rate: 0.01, ema_momentum: 0.75"))
    average = None
    with averaged_weights(model):  # none yet
        assert any(np.abs(value).max() > 0 for value in values_of_training(model))
    for step in range(4):
        model.train_on_batch(batch(seed=step))
        now = values_of_training(model)
        average = (
            now
            if average is None
            else [0.75 * a + 0.25 * b for a, b in zip(average, now, strict=True)]
        )
    before = values_of_training(model)
    with averaged_weights(model):
        for found, expected in zip(values_of_training(model), average, strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-6)
    for found, expected in zip(values_of_training(model), before, strict=True):
        np.testing.assert_array_equal(found, expected)
        assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_keeps_weights_and_loss_in_float32(read, tmp_path, precision):
    recipe = read("learning_rate: 0.01", f"precision: {precision}")
    before = keras.config.dtype_policy().name
    model = training(recipe)
    assert keras.config.dtype_policy().name == before
    assert {layer.compute_dtype for layer in model.separator.stack.hidden} == {precision[6:]}
    assert model.separator.stft.compute_dtype == "float32"
    wrapped = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert wrapped == (precision == "mixed_float16")
    losses = [float(model.train_on_batch(batch())) for _ in range(12)]
    assert all(map(math.isfinite, losses))
    assert losses[-1] < losses[0]
    assert {str(variable.dtype) for variable in model.trainable_variables} == {"float32"}
    twin = float32_twin(recipe, model.separator)
    twin.save_to_preset(tmp_path / "preset", dtype="float32")
    loaded = Separator.from_preset(tmp_path / "preset")
    assert loaded.dtype_policy.name == loaded.stack.dtype_policy.name == "float32"
    for found, expected in zip(loaded.weights, model.separator.weights, strict=True):
        np.testing.assert_array_equal(found, expected)
    full = training(read("learning_rate: 0.01"))
    assert float(full.train_on_batch(batch())) == pytest.approx(losses[0], rel=0.02)


def fit(rule, state, scores, epochs, start=0):
    """Fit a model with scripted dev scores; return the rate of each epoch's end."""
    seen = []
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(state.get("rate", 1.0)), "mse", run_eagerly=True)
    scripted = iter(scores)
    x = np.zeros((2, 1), "float32")
    note = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(float(model.optimizer.learning_rate))
    )
    scored = DevScores(lambda: {"vocals": {"GNSDR": next(scripted)}}, state)
    callbacks = [scored, rule, note]
    model.fit(x, x, 2, epochs, initial_epoch=start, callbacks=callbacks, verbose=0)
    state["rate"] = seen[-1]
    return seen


def test_the_rate_falls_where_the_dev_score_does_not_improve(read):
    state = {}
    seen = fit(RateOnPlateau(state, 0.5, 2, 0.2), state, [1, 0, 0, 0], epochs=4)
    assert seen == [1, 1, 0.5, 0.5]
    # In a new process the count of epochs without improvement goes on: one more is enough.
    state = {}
    fit(RateOnPlateau(state, 0.5, 2, 0.2), state, [1, 0], epochs=2)
    seen = fit(RateOnPlateau(state, 0.5, 2, 0.2), state, [0, 2, 0, 0, 0, 0, 0], epochs=9, start=2)
    assert seen == pytest.approx([0.5, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2])


def test_a_run_without_improvement_stops(read, capsys):
    state = {}
    assert len(fit(StopEarly(state, 3), state, [1, 2, 1], epochs=3)) == 3
    assert not stopped_early(state)
    # In a new process the count of epochs without improvement goes on: two more are enough.
    assert len(fit(StopEarly(state, 3), state, [1, 1, 3, 3], epochs=9, start=3)) == 2
    assert stopped_early(state)
    assert "stopped after epoch 5: the dev score was best after epoch 2" in capsys.readouterr().err


def test_a_run_that_stopped_early_stays_stopped(recipe, songs, tmp_path):
    text = recipe.read_text().replace(
        "{learning_rate: 0.01}", "{name: sgd, learning_rate: 1.0e-30, schedule: constant}"
    )
    recipe.write_text(text + "early_stopping: {patience: 1}\n")
    run = Trainer(recipe, songs, tmp_path / "run").run()
    assert newest(run).name == "step_00000006"  # of 12
    sums = (run / presets.SUMS).read_text()
    Trainer(recipe, songs, run, resume=True).run()
    assert newest(run).name == "step_00000006"
    assert (run / presets.SUMS).read_text() == sums


def test_a_loss_that_is_not_finite_names_step_and_clips(tmp_path):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    write_checkpoint(model, tmp_path, {"step": 70})
    made = []

    def batches():
        for step in range(70, 210):
            made.append(step)
            x = np.full((2, 1), np.nan if step == 133 else 0.0)
            yield x, x

    finite = FiniteLoss(lambda step: [f"clip_{step}", "other"], tmp_path)
    options = {"epochs": 3, "initial_epoch": 1, "steps_per_epoch": 70, "shuffle": False}
    with pytest.raises(TrainingError) as caught:
        model.fit(batches(), callbacks=[finite], verbose=0, **options)
    message = str(caught.value)
    assert "the loss of step 134 is nan, its batch is made of clip_133, other" in message
    assert f"{tmp_path / 'step_00000070'} is kept" in message
    assert "\n" not in message
    assert max(made) < 133 + 50 + 2


def test_a_run_with_options_tells_of_them_and_keeps_the_average(recipe, songs, tmp_path):
    text = recipe.read_text().replace("steps: 12", "steps: 9")
    options = "learning_rate: 0.01, ema_momentum: 0.9, schedule: plateau"
    recipe.write_text(
        text.replace("learning_rate: 0.01", options)
        + "precision: mixed_bfloat16\nearly_stopping: {patience: 2}\n"
    )
    trainer = Trainer(recipe, songs, tmp_path / "run", profile=True)
    run = trainer.run()
    assert list(run.glob("logs/tensorboard/train/plugins/profile/*/*.xplane.pb"))
    card = " ".join((run / presets.CARD).read_text().split())
    assert "times 0.5 after an epoch without a better dev score, down to 2e-05" in card
    assert "moving average (momentum 0.9) is kept, layers in mixed_bfloat16 (weights in" in card
    assert "to stop after 2 epochs without a better dev score" in card
    header, *rows = (run / "logs" / "training.csv").read_text().splitlines()
    assert "learning_rate" in header.split(",")
    assert len(rows) == 3
    best = trainer.state["best"]["step"]
    model = trainer._build_model()
    checkpoint = run / "checkpoints" / f"step_{best:08d}"
    model.load_weights(checkpoint / "training.weights.h5")
    raw = values_of_training(model)
    average = values(model.optimizer._model_variables_moving_average)
    kept = values(Separator.from_preset(run).trainable_weights)
    for weights, expected, found in zip(raw, average, kept, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)  # stored in float16
        assert np.abs(found - weights).max() > 1e-3
    assert state(newest(run))["early_stopping"]["stopped_epoch"] == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("precision: float16", "precision is 'float16'; Input should be 'float32'"),
        ("optimizer: {name: adma}", "optimizer.name is 'adma'; Input should be 'adam'"),
        ("optimizer: {schedule: linear}", "optimizer.schedule is 'linear'"),
        ("optimizer: {ema_momentum: 1}", "optimizer.ema_momentum is 1; Input should be less"),
        ("optimizer: {gradient_accumulation_steps: 0}", "gradient_accumulation_steps is 0"),
        ("optimizer: {plateau: {factor: 2}}", "optimizer.plateau.factor is 2"),
        ("optimizer: {schedule: plateau, plateau: {faktor: 2}}", "did you mean 'factor'?"),
        ("optimizer: {plateau: {factor: 0.1}}", "plateau has no meaning with schedule cosine"),
        ("optimizer: {warmup_steps: 5}", "warmup_steps has no meaning with schedule cosine, but"),
        ("optimizer: {schedule: warmup_cosine}", "schedule warmup_cosine needs warmup_steps"),
        (
            "optimizer: {schedule: warmup_cosine, warmup_steps: 100}",
            "optimizer.warmup_steps is 100; it must be below steps, 100",
        ),
        (
            "optimizer: {schedule: constant, final_learning_rate: 0.1}",
            "final_learning_rate has no meaning with schedule constant",
        ),
        ("optimizer: {weight_decay: 0.1}", "weight_decay has no meaning with name adam, but with"),
        ("optimizer: {momentum: 0.1}", "optimizer: momentum has no meaning with name adam"),
        ("early_stopping: {patience: 0}", "early_stopping.patience is 0"),
        ("early_stopping: {pacience: 3}", "did you mean 'patience'?"),
    ],
)
def test_bad_values_are_named_in_one_line(tmp_path, text, message):
    path = tmp_path / "recipe.yaml"
    path.write_text(f"name: a\nsteps: 100\n{text}\n")
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
