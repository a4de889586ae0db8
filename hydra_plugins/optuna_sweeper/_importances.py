"""Which keys matter, and how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import optuna
    from numpy.typing import NDArray

_DRAWS = 40
_FEWEST = 8
"""Fewer complete trials say nothing of importances."""


def importances(study: optuna.Study) -> dict[str, NDArray[np.float64]]:
    """Returns each key's importance for being among the best trials, in resamples of the trials.

    By PED-ANOVA (Watanabe et al., 2023, doi:10.24963/ijcai.2023/488).

    Args:
        study: A study of one direction.

    Returns:
        Float64 [40] for each key that all trials have, the most important first. The importances
        of all keys sum to 1 in each resample.

    Raises:
        ValueError: There are too few complete trials.

    Example:
        >>> import optuna
        >>> from hydra_plugins.optuna_sweeper._importances import importances
        >>> optuna.logging.set_verbosity(optuna.logging.ERROR)
        >>> study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        >>> study.optimize(lambda t: t.suggest_float("x", 0, 1) + t.suggest_float("y", 0, 0.1), 40)
        >>> list(importances(study))
        ['x', 'y']
    """
    import numpy as np
    import optuna

    states = (optuna.trial.TrialState.COMPLETE,)
    complete = study.get_trials(deepcopy=False, states=states)
    if len(complete) < _FEWEST:
        raise ValueError(f"Importances need {_FEWEST} complete trials; got {len(complete)}.")
    rng = np.random.default_rng(0)
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    drawn: list[dict[str, float]] = []
    for _ in range(_DRAWS):
        resample = optuna.create_study(direction=study.direction)
        resample.add_trials([complete[k] for k in rng.integers(len(complete), size=len(complete))])
        drawn.append(optuna.importance.get_param_importances(resample, evaluator=evaluator))
    keys = sorted(drawn[0], key=lambda key: -float(np.mean([each[key] for each in drawn])))
    return {key: np.array([each[key] for each in drawn]) for key in keys}


def draw_importances(study: optuna.Study, target_name: str) -> tuple[Any, Any]:
    """Draws the importances with their 90% intervals over resamples of the trials.

    Returns:
        The figure of Plotly and the axes of Matplotlib.

    Raises:
        ValueError: There are too few complete trials.
    """
    import numpy as np
    import plotly.graph_objects as go
    from matplotlib import pyplot

    found = importances(study)
    names = list(found)[::-1]
    means = np.array([found[name].mean() for name in names])
    ends = np.array([np.quantile(found[name], [0.05, 0.95]) for name in names]).T
    below, above = np.maximum(means - ends[0], 0), np.maximum(ends[1] - means, 0)
    title = f"Importance for {target_name}, with 90% intervals over resamples of the trials"
    error = {"type": "data", "symmetric": False, "array": above, "arrayminus": below}
    figure = go.Figure(go.Bar(x=means, y=names, orientation="h", error_x=error))
    figure.update_layout(title=title, xaxis_title="importance")
    _, axes = pyplot.subplots()
    axes.barh(names, means, xerr=[below, above], capsize=3)
    axes.set(title=title, xlabel="importance")
    return figure, axes
