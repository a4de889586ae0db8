"""Commands as processes, and the runs that they leave in MLflow."""

import contextlib
import io
import signal
import socket
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

TINY = [
    "model.units=16",
    "model.landmark_units=8",
    "model.num_heads=2",
    "model.num_blocks=1",
    "training.epochs=2",
    "preparation.workers=1",
]

TINY_CONVOLUTIONS = [
    "model.units=16",
    "model.num_heads=2",
    "model.num_stages=1",
    "model.num_convolutions=1",
    "training.epochs=2",
    "preparation.workers=1",
]


def gislr(*arguments, module="train", timeout=240, **options):
    """Runs `python -m gislr.MODULE` to its end."""
    return subprocess.run(
        [sys.executable, "-m", f"gislr.{module}", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        **options,
    )


def gislr_here(*arguments, module="train", cwd="."):
    """Runs a command like `gislr`, in this process: it has imported TensorFlow already."""
    from gislr.cli.main import main
    from gislr.utils.log import log

    line = ["gislr", module, *map(str, arguments)]
    output, errors, code = io.StringIO(), io.StringIO(), 0
    terminate = signal.getsignal(signal.SIGTERM)
    logged = log.handlers[:], log.level, log.propagate
    with (
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
        contextlib.chdir(cwd),
        patch.object(sys, "argv", line),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code
        finally:
            signal.signal(signal.SIGTERM, terminate)
            log.handlers[:], log.level, log.propagate = logged
    return subprocess.CompletedProcess(line, code, output.getvalue(), errors.getvalue())


def start_gislr(*arguments, module="train", **options):
    """Starts `python -m gislr.MODULE` and returns its process."""
    return subprocess.Popen(
        [sys.executable, "-m", f"gislr.{module}", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def wait_for_epoch(process):
    """Waits until a training prints its first epoch."""
    for line in process.stdout:
        if line.startswith("epoch"):
            return
    raise AssertionError(process.stderr.read())


def free_port():
    """Returns a port of this machine that nothing listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def only_run(client, experiment):
    """Returns the one run of an experiment."""
    [run] = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    return run


def sweep_runs(client, experiment):
    """Returns the parent runs of an experiment and, by number, the runs of trials."""
    found = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    parents = [run for run in found if "sweep" in run.data.tags]
    trials = [run for run in found if "trial" in run.data.tags]
    return parents, sorted(trials, key=lambda run: int(run.data.tags["trial"]))


def metric_values(client, run, name):
    """Returns a metric's values by step."""
    return [metric.value for metric in client.get_metric_history(run.info.run_id, name)]


def history(client, run_id):
    """Returns every value that the store holds, by metric and step."""
    values = {}
    for name in client.get_run(run_id).data.metrics:
        for metric in client.get_metric_history(run_id, name):
            values.setdefault((name, metric.step), []).append(metric.value)
    return values


def artifacts(client, run, folder):
    """Downloads a run's artifacts and returns their folder."""
    import mlflow

    return Path(mlflow.artifacts.download_artifacts(run_id=run.info.run_id, dst_path=str(folder)))


def weights(client, run_id, folder):
    """Returns the bytes of a run's weights."""
    folder.mkdir(parents=True, exist_ok=True)
    return Path(client.download_artifacts(run_id, "model.weights.h5", str(folder))).read_bytes()
