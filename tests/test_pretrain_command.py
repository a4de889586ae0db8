"""`gislr pretrain`: its run, what starts from it, what refuses it, and its numbers on JAX."""

import os
import subprocess
import sys

import numpy as np
import pytest

import gislr
from gislr.config.composition import compose
from gislr.config.configuration import read_configuration
from gislr.inference.logged_models import trained_model
from gislr.tracking.run_reader import LoggedRun
from gislr.tracking.run_search import finished_runs, runs_by_experiment
from gislr.utils.errors import GislrError
from gislr.utils.paths import project_root
from gislr.utils.terminal import EpochDisplay
from gislr.workflows.compare import compare
from gislr.workflows.export import export
from gislr.workflows.final import final
from gislr.workflows.predict import predict
from gislr.workflows.pretrain import pretrain
from gislr.workflows.report import report
from gislr.workflows.reproduce import reproduce
from tests.commands import TINY

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("pretrained")]

SHORT = ["batches.size=8", *TINY]
STAYS = ["optimizer.learning_rate=1e-30", "optimizer.weight_decay=0", "training.epochs=1"]


@pytest.fixture(scope="module")
def pretrained(workplace):
    return pretrain(compose("pretrain", *workplace, *SHORT, "experiment=masked"))


def weights_of(client, run_id):
    model = trained_model(LoggedRun.of(client, run_id)).model
    return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}


def test_a_pretraining_is_a_run(pretrained, client):
    run = LoggedRun.of(client, pretrained.run_id)
    assert run.status == "FINISHED"
    assert run.tags["pretrained"] == "true"
    assert run.parameters["pretraining.masked"] == "0.5"
    assert run.metrics["clips_trained_on"] + run.metrics["clips_validated_on"] == 32
    assert len(run.held_out().groups) == 1
    history = run.history()
    for name in ("loss", "val_loss", "val_baseline_loss"):
        assert history[name] == pretrained.history[name]
        assert len(history[name]) == 2
    assert pretrained.scores == {
        "loss": history["val_loss"][-1],
        "baseline_loss": history["val_baseline_loss"][-1],
    }
    found = {entry.path for entry in client.list_artifacts(pretrained.run_id)}
    assert {"config.yaml", "model.weights.h5", "held_out.json", "statistics"} <= found
    # Nothing that would name signs.
    assert not {"model", "evaluation"} & found


def test_a_training_starts_from_it(pretrained, workplace, client, caplog):
    caplog.set_level("INFO", logger="gislr")
    start = f"model.from={pretrained.run_id}"
    run_id = gislr.train(*workplace, *TINY, start, *STAYS, "seed=1").run_id
    assert "it knows none of the 4 signs" in caplog.text
    before, after = weights_of(client, pretrained.run_id), weights_of(client, run_id)
    for name, arrays in before.items():
        if name != "classifier":
            for old, new in zip(arrays, after[name], strict=True):
                np.testing.assert_allclose(old, new, rtol=0, atol=1e-20)
    # Of the same signs, but nothing taught it.
    assert not np.isclose(before["classifier"][0], after["classifier"][0]).any()


def test_clips_that_it_saw_without_labels_cannot_be_held_out(pretrained, workplace):
    start = f"model.from={pretrained.run_id}"
    with pytest.raises(GislrError, match=r"model\.from must not know the clips held out"):
        gislr.train(*workplace, *TINY, start, "split.seed=7")
    with pytest.raises(GislrError, match=r"model\.from must not know the clips held out"):
        pretrain(compose("pretrain", *workplace, *SHORT, start, "split.seed=7"))


def test_what_needs_signs_refuses_it(pretrained, workplace, asl_signs):
    run, tracking = f"run={pretrained.run_id}", workplace[-1]
    model = [f"model={pretrained.run_id}", f"clips=['{asl_signs}']"]
    twice = f"runs=[{pretrained.run_id},{pretrained.run_id}]"
    teacher = f"distillation.teachers=[{pretrained.run_id}]"
    for asked in (
        lambda: gislr.evaluate(pretrained.run_id, tracking),
        lambda: export(compose("export", run, tracking)),
        lambda: final(compose("final", run, tracking)),
        lambda: report(compose("report", run, tracking)),
        lambda: compare(compose("compare", twice, tracking)),
        lambda: predict(compose("predict", *model, tracking)),
        lambda: gislr.train(*workplace, *TINY, teacher),
    ):
        with pytest.raises(GislrError, match="was pretrained without labels"):
            asked()
    settings = read_configuration(compose("train", tracking)).tracking
    with pytest.raises(GislrError, match="validated before it is trained on all signers"):
        final(compose("final", "experiment=masked", tracking))
    assert "masked" not in runs_by_experiment(settings)


def test_it_is_reproduced_and_resumed_with_the_same_numbers(
    pretrained, workplace, client, monkeypatch, tmp_path
):
    again = reproduce(compose("reproduce", f"run={pretrained.run_id}", workplace[-1]))
    assert again.compared >= 6
    place = [*workplace, "tracking.experiment=interrupted"]

    def interrupted(self, metrics):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(EpochDisplay, "epoch", interrupted)
        pretrain(compose("pretrain", *place, *SHORT, "experiment=masked"))
    with pytest.raises(GislrError, match="needs a training that was interrupted"):
        gislr.train(*place, "resume=last")
    ended = pretrain(compose("pretrain", *place, "resume=last"))
    with pytest.raises(GislrError, match="has ended"):
        pretrain(compose("pretrain", *place, f"resume={ended.run_id}"))
    settings = read_configuration(compose("train", *place)).tracking
    with pytest.raises(GislrError, match="must hold finished runs; 'interrupted' holds none"):
        finished_runs(settings, "interrupted")
    for name in ("loss", "val_loss"):
        assert ended.history[name] == pretrained.history[name]
    before, after = (weights_of(client, each.run_id) for each in (pretrained, ended))
    for name, arrays in before.items():
        for old, new in zip(arrays, after[name], strict=True):
            np.testing.assert_array_equal(old, new)


ON_ANY_BACKEND = """
import sys
from pathlib import Path
import numpy as np
from gislr.config.composition import compose
from gislr.config.configuration import read_configuration
from gislr.data.landmark_statistics import measure
from gislr.training.reconstruction import evaluate_reconstruction
from gislr.workflows.factory import build_pretraining
from tests.conftest import make_store
store = make_store(Path(sys.argv[1]), [5, 9, 3, 7, 4, 8, 12, 20])
configuration = read_configuration(compose("pretrain", *sys.argv[2:]))
clips, others = np.arange(6), np.array([6, 7])
training = build_pretraining(configuration, store, clips, measure(store, clips))
# The same weights to start from, whatever the backend draws.
trainer, draws = training.loop.trainer, np.random.default_rng(0)
for weights in trainer.trainable_variables:
    weights.assign(draws.normal(size=weights.shape, scale=0.1))
training.loop.fit(
    lambda epoch, metrics: print(
        "LOSSES", metrics["loss"], *evaluate_reconstruction(training.loop, others).values()
    )
)
"""


def test_jax_gives_the_same_numbers(tmp_path):
    rates = [f"model.{name}_dropout=0" for name in ("embedding", "mlp", "classifier")]
    # EMA puts averages in place before the clips held out are predicted.
    given = [*SHORT, *rates, "optimizer.ema_momentum=0.5", "optimizer.learning_rate=1e-2"]
    found = {}
    for backend in ("tensorflow", "jax"):
        done = subprocess.run(
            [sys.executable, "-c", ON_ANY_BACKEND, str(tmp_path / backend), *given],
            capture_output=True,
            text=True,
            check=False,
            cwd=project_root(),
            env={**os.environ, "KERAS_BACKEND": backend},
            timeout=240,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        lines = [line.split()[1:] for line in done.stdout.splitlines() if "LOSSES" in line]
        found[backend] = np.array(lines, float)
    assert found["jax"].shape == (2, 3)
    np.testing.assert_allclose(found["jax"], found["tensorflow"], rtol=1e-4)
