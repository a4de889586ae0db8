"""Updates the measured column of experiments/README.md from the runs in MLflow."""

from __future__ import annotations

from omegaconf import DictConfig

from gislr.tracking.run_reader import LoggedRun
from gislr.tracking.run_search import runs_by_experiment
from gislr.tracking.training_record import FINGERPRINT
from gislr.utils.errors import GislrError
from gislr.utils.log import log
from gislr.utils.markdown import table
from gislr.utils.paths import atomic_file, project_root
from gislr.workflows.command_settings import CommandSettings, read_command

_HEADER = ["experiment", "command", "published", "measured"]
_EMPTY = f"# Experiments\n\n{table(_HEADER, [])}\n"
_SHOWN = ["training.epochs", "training.precision", "seed", "split.name", "split.fold"]


def measured(runs: list[LoggedRun]) -> str:
    """Returns the measured column of an experiment: one line per data set.

    Args:
        runs: The experiment's runs, oldest first.
    """
    latest: dict[str, LoggedRun] = {}
    for run in runs:
        key = run.training().tags.get(FINGERPRINT, "")
        if key not in latest or _is_cross_validated(run) >= _is_cross_validated(latest[key]):
            latest[key] = run
    return "<br>".join(_line(run) for run in latest.values()) or "-"


def _is_cross_validated(run: LoggedRun) -> bool:
    return "cv_weighted_f1" in run.metrics


def _line(run: LoggedRun) -> str:
    training = run.training()
    tags, parameters, metrics = training.tags, training.parameters, training.metrics
    simulated = " (simulated)" if tags.get("data") == "sample" else ""
    clips = sum(metrics.get(f"clips_{part}_on", 0) for part in ("trained", "validated"))
    data = f"{tags.get('data')}{simulated} {tags.get(FINGERPRINT, '')[:8]}, {clips:,.0f} clips"
    shown = _SHOWN
    if _is_cross_validated(run):
        low, high = run.metrics["cv_weighted_f1_low"], run.metrics["cv_weighted_f1_high"]
        trainings = f"{run.metrics.get('trials_complete', 0):.0f} trainings"
        score = f"{run.metrics['cv_weighted_f1']:.4f} ({low:.4f} to {high:.4f}), {trainings}"
        shown = [*_SHOWN[:2], "split.folds"]
    elif "val_weighted_f1" in metrics:
        score = f"{metrics['val_weighted_f1']:.4f} on clips held out"
    else:
        score = f"{metrics.get('train_weighted_f1', float('nan')):.4f} on training clips"
    settings = " ".join(f"{key}={parameters[key]}" for key in shown if key in parameters)
    return f"weighted F1 {score}; {data}; {settings}; run {run.run_id[:8]}"


def rewritten(text: str, columns: dict[str, str]) -> str:
    """Returns the README with new measured columns, and a row of each experiment that has none.

    Args:
        text: The README.
        columns: The measured column by experiment; what others measured stays.

    Raises:
        GislrError: It has no table of experiments.
    """
    lines = text.splitlines()
    heads = [k for k, line in enumerate(lines) if line.startswith("| experiment |")]
    if not heads:
        raise GislrError("experiments/README.md must have a table of experiments; it has none.")
    [start] = heads
    end, missing, rows = start + 2, dict(columns), []
    while end < len(lines) and lines[end].startswith("|"):
        cells = [cell.strip().replace("\\|", "|") for cell in lines[end].strip("|").split(" | ")]
        name = cells[0].strip("[ ").partition("]")[0]
        rows.append([*cells[:3], missing.pop(name, [*cells, "-"][3])])
        end += 1
    rows += [
        [name, f"`gislr train +experiments={name}`", "-", cell] for name, cell in missing.items()
    ]
    lines[start:end] = table(_HEADER, rows).splitlines()
    return "\n".join(lines) + "\n"


def experiments(config: DictConfig) -> None:
    """Updates the measured column of `experiments/README.md`, which it makes if there is none.

    Each experiment's latest finished run on each data set is reported; cross-validations take
    precedence over single trainings. The published results, the commands, and what was measured of
    experiments without runs are not changed.

    Raises:
        GislrError: The runs cannot be read, or the file has no table of experiments.
    """
    file = project_root() / "experiments" / "README.md"
    runs = runs_by_experiment(read_command(CommandSettings, config).tracking)
    columns = {name: measured(found) for name, found in runs.items()}
    before = file.read_text(encoding="utf-8") if file.is_file() else _EMPTY
    file.parent.mkdir(exist_ok=True)
    with atomic_file(file) as written:
        written.write_text(rewritten(before, columns), encoding="utf-8")
    log.info(f"{file}: {', '.join(columns) or 'no runs of experiments'}")
