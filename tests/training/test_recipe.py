from pathlib import Path

import pytest

from kerasvox.errors import RecipeError
from kerasvox.training.recipe import read_recipe

ZOO = Path(__file__).parents[2] / "zoo"


def write(tmp_path, text):
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_shortest_recipe_has_the_papers_model(tmp_path):
    recipe = read_recipe(write(tmp_path, "name: mine\nsteps: 10\n"))
    assert recipe.model.recurrent_layers == (2,)
    assert (recipe.model.units, recipe.model.context, recipe.loss.gamma) == (1000, 3, 0.05)


def test_each_system_has_its_own_model_and_loss(tmp_path):
    text = "name: mine\nsteps: 10\n"
    recipe = read_recipe(write(tmp_path, text + "model: {system: two_head_bilstm}\n"))
    assert (recipe.model.n_fft, recipe.model.first_stage.units, recipe.loss.alpha) == (512, 1024, 1)
    text += "model: {system: spectrogram_fusion, embedding: plain}\nstages: {first: mine}\n"
    recipe = read_recipe(write(tmp_path, text))
    assert (recipe.model.embedding, recipe.loss.beta, recipe.stages.freeze_first) == (
        "plain",
        1,
        True,
    )


@pytest.mark.parametrize(
    "path", sorted(ZOO.glob("*/recipe.yaml")), ids=lambda path: path.parent.name
)
def test_recipes_of_the_zoo_are_valid(path):
    assert read_recipe(path).name == path.parent.name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\nsteps: 1\nsede: 3\n", "unknown key 'sede'; did you mean 'seed'?"),
        ("name: a\nsteps: 1\nloss: {gama: 0}\n", "unknown key 'loss.gama'; did you mean 'gamma'?"),
        ("name: a\nsteps: 1\nmodel: {xyzzy: 0}\n", "keys are context, depth, dropout, hop"),
        ("name: a\n", "'steps' is missing"),
        ("name: a\nsteps: 0\n", "steps is 0"),
        ("name: a\nsteps: many\n", "steps is 'many'"),
        ("name: A b\nsteps: 1\n", "name is 'A b'"),
        ("name: a\nsteps: 1\nloss: {gamma: 2}\n", "loss.gamma is 2"),
        ("name: a\nsteps: 1\nmodel: {window: kaiser}\n", "model.window is 'kaiser'"),
        (
            "name: a\nsteps: 1\nmodel: {system: rnn}\n",
            "model.system is 'rnn'; systems are drnn, two_head",
        ),
        (
            "name: a\nsteps: 1\nmodel: {system: two_head_bilstm, first_stage: {unit: 3}}\n",
            "unknown key 'model.first_stage.unit'; did you mean 'units'?",
        ),
        (
            "name: a\nsteps: 1\nmodel: {system: two_head_bilstm}\nloss: {beta: 1}\n",
            "unknown key 'loss.beta'",
        ),
        (
            "name: a\nsteps: 1\nmodel: {system: spectrogram_fusion}\nloss: {gamma: -1}\n",
            "loss.gamma is -1",
        ),
        (
            "name: a\nsteps: 1\nmodel: {system: spectrogram_fusion}\n",
            "nothing trains the first stage",
        ),
        ("name: a\nsteps: true\n", "steps: true is neither a number nor a word"),
        ("name: a\nsteps: 5\nsteps_per_epoch: 4\n", "multiple of steps_per_epoch, 4, such as 8"),
        ("name: a\nsteps: 1\nseed: 4294967296\n", "seed is 4294967296"),
        ("name: a\nsteps: 1\nmodel: {system: [drnn]}\n", "model.system is ['drnn']"),
        ("name: a\nsteps: 1\ndata: {seconds: .inf}\n", "data.seconds is inf"),
        ("name: a\nsteps: 1\ndata: {level: [-.inf, -20]}\n", "data.level.0 is -inf"),
        (
            "name: a\nsteps: 1\noptimizer: {learning_rate: 1e-5}\n",
            "optimizer: final_learning_rate is 2e-05, above learning_rate, 1e-05",
        ),
        ("name: [\n", "is no YAML"),
        ("just words\n", "must be a mapping"),
        ("", "must be a mapping"),
        ("1: 2\n", "must be words"),
    ],
)
def test_every_fault_is_named_in_one_line(tmp_path, text, message):
    path = write(tmp_path, text)
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_faults_come_at_once(tmp_path):
    with pytest.raises(RecipeError, match=r"'sede'.*'steps' is missing|'steps' is missing.*'sede'"):
        read_recipe(write(tmp_path, "name: a\nsede: 1\n"))


@pytest.mark.parametrize("path", ["missing.yaml", "."])
def test_unreadable_file_is_named(tmp_path, path):
    with pytest.raises(RecipeError, match="cannot be read"):
        read_recipe(tmp_path / path)
