"""Search spaces in Hydra's sweep syntax, with conditions."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hydra_plugins.optuna_sweeper._errors import SweepError

if TYPE_CHECKING:
    import optuna
    from hydra.core.config_loader import ConfigLoader
    from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep


@dataclass(frozen=True)
class Dimension:
    """One swept key.

    Attributes:
        key: The key with its prefix, as in an override: `model.units`, `+new`.
        distribution: Optuna's distribution of it.
        values: Every value, or `None` for an interval.
        texts: For a choice, each of Optuna's values as Hydra writes it.
    """

    key: str
    distribution: optuna.distributions.BaseDistribution
    values: tuple[Any, ...] | None
    texts: Mapping[Any, str]

    def override(self, value: Any) -> str:
        """Returns `key=value` in Hydra's syntax."""
        return f"{self.key}={self.texts.get(value, value)}"


@dataclass(frozen=True)
class Branch:
    """Dimensions that exist only under conditions, all of which must hold."""

    conditions: Mapping[str, str]
    dimensions: tuple[Dimension, ...]


@dataclass(frozen=True)
class SearchSpace:
    """What a sweep searches.

    Attributes:
        dimensions: The keys that are always swept.
        branches: Those that depend on others; later ones may depend on earlier ones.
        fixed: Overrides that every trial has.
        defaults: What the keys of conditions are when nothing overrides them.
    """

    dimensions: tuple[Dimension, ...]
    branches: tuple[Branch, ...]
    fixed: tuple[str, ...]
    defaults: Mapping[str, str] = field(default_factory=dict)

    def suggest(self, trial: optuna.Trial) -> list[str]:
        """Draws a value of every dimension that applies; returns all overrides of the trial."""
        chosen = self._given()
        drawn = []
        for dimension in self._walk(chosen):
            value = _suggest(trial, dimension)
            drawn.append(dimension.override(value))
            chosen.update([_split(drawn[-1])])
        return [*self.fixed, *drawn]

    def overrides(self, params: Mapping[str, Any]) -> list[str]:
        """Returns the overrides of a trial's parameters, without the fixed ones."""
        every = {d.key: d for d in self.every_dimension()}
        return [
            every[key].override(value) if key in every else f"{key}={value}"
            for key, value in params.items()
        ]

    def example(self) -> list[str]:
        """Returns the overrides of one trial without conditional keys."""
        first = [
            d.override(d.values[0] if d.values else getattr(d.distribution, "low", None))
            for d in self.dimensions
        ]
        return [*self.fixed, *first]

    def every_dimension(self) -> list[Dimension]:
        """Returns the dimensions of all branches."""
        branches = [d for branch in self.branches for d in branch.dimensions]
        return [*self.dimensions, *branches]

    def combinations(self) -> Iterator[dict[str, Any]]:
        """Yields every combination of values, in the order in which Hydra's grid has them.

        Raises:
            SweepError: A dimension is an interval.
        """
        for dimension in self.every_dimension():
            if dimension.values is None:
                raise SweepError(
                    f"Trying every combination needs choices and ranges only, but "
                    f"{dimension.key} is an interval; set hydra.sweeper.n_trials and a sampler "
                    "other than grid."
                )
        seen = set()
        for values in itertools.product(*(d.values or () for d in self.every_dimension())):
            table = dict(zip((d.key for d in self.every_dimension()), values, strict=True))
            chosen = self._given()
            combination = {}
            for dimension in self._walk(chosen):
                combination[dimension.key] = table[dimension.key]
                chosen.update([_split(dimension.override(table[dimension.key]))])
            identity = tuple(combination.items())
            if identity not in seen:
                seen.add(identity)
                yield combination

    def _walk(self, chosen: dict[str, str]) -> Iterator[Dimension]:
        yield from self.dimensions
        for branch in self.branches:
            if all(_same(chosen.get(key), value) for key, value in branch.conditions.items()):
                yield from branch.dimensions

    def _given(self) -> dict[str, str]:
        return {**self.defaults, **dict(_split(override) for override in self.fixed)}


def read_search_space(
    arguments: Sequence[str],
    params: Mapping[str, Any],
    when: Mapping[str, Any],
    config_loader: ConfigLoader | None = None,
    default: Callable[[str], object] = lambda key: None,
) -> SearchSpace:
    """Reads a search space.

    Args:
        arguments: Overrides from the command line; one of a key replaces that key's entry in
            `params` and `when`.
        params: Key to sweep, such as `{"model.units": "choice(256, 384)"}`; a list is a choice.
        when: Condition such as `schedule=warmup` to a mapping like `params`.
        config_loader: Finds the options of a group for `group=glob(*)`.
        default: Tells what a key of a condition is when nothing overrides it.

    Raises:
        SweepError: Something is no sweep of Hydra's, or nothing is swept.
    """
    typed = [_parse(argument, config_loader) for argument in arguments]
    taken = {_bare(override.get_key_element()) for override in typed}
    fixed = [str(override.input_line) for override in typed if not override.is_sweep_override()]
    dimensions = [_dimension(override) for override in typed if override.is_sweep_override()]

    def section(values: Mapping[str, Any]) -> list[Dimension]:
        parsed = [
            _parse(f"{key}={_sweep_text(key, value)}", config_loader)
            for key, value in values.items()
            if _bare(str(key)) not in taken
        ]
        fixed.extend(str(entry.input_line) for entry in parsed if not entry.is_sweep_override())
        return [_dimension(override) for override in parsed if override.is_sweep_override()]

    dimensions += section(params)
    branches = []
    for condition, values in when.items():
        if not isinstance(values, Mapping) or "=" not in condition:
            raise SweepError(
                "hydra.sweeper.when must map conditions such as schedule=warmup to swept keys; "
                f"got {condition!r}: {values!r}."
            )
        conditions = dict(_split(part.strip()) for part in condition.split(","))
        branches.append(Branch(conditions, tuple(section(values))))
    if not dimensions:
        raise SweepError(
            "A sweep needs a key to sweep, for instance 'model.units=choice(256,384)', "
            "'seed=range(0,5)' or 'loss.label_smoothing=interval(0,0.5)'; got none."
        )
    keys = {key for branch in branches for key in branch.conditions}
    defaults = {key: str(default(key)) for key in sorted(keys)}
    return SearchSpace(tuple(dimensions), tuple(branches), tuple(fixed), defaults)


def _parse(text: str, config_loader: ConfigLoader | None) -> Override:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return OverridesParser.create(config_loader=config_loader).parse_override(text)


def _sweep_text(key: str, value: Any) -> str:
    if isinstance(value, list):
        return f"choice({','.join(str(entry) for entry in value)})"
    if isinstance(value, Mapping):
        raise SweepError(
            f"hydra.sweeper.params.{key} must be a sweep such as choice(1,2); got {value!r}."
        )
    return "null" if value is None else str(value)


def _same(found: str | None, wanted: str) -> bool:
    # YAML and Python write true, false and null differently.
    return found is not None and found.casefold().replace("none", "null") == wanted.casefold()


def _suggest(trial: optuna.Trial, dimension: Dimension) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    match dimension.distribution:
        case CategoricalDistribution() as kind:
            return trial.suggest_categorical(dimension.key, kind.choices)
        case IntDistribution() as kind:
            ends = kind.low, kind.high
            return trial.suggest_int(dimension.key, *ends, step=kind.step, log=kind.log)
        case FloatDistribution() as kind:
            ends = kind.low, kind.high
            return trial.suggest_float(dimension.key, *ends, step=kind.step, log=kind.log)
    raise TypeError(f"No distribution of a search space: {dimension.distribution}")


def _split(override: str) -> tuple[str, str]:
    key, _, value = override.partition("=")
    return _bare(key), value


def _bare(key: str) -> str:
    return key.lstrip("+~")


def _dimension(override: Override) -> Dimension:
    from hydra.core.override_parser.types import IntervalSweep, RangeSweep

    key = override.get_key_element()
    match override.value():
        case IntervalSweep() as sweep:
            return _interval(key, sweep)
        case RangeSweep() as sweep if not sweep.shuffle and (values := tuple(sweep.range())):
            return _range(key, sweep, values)
    return _choice(key, override)


def _interval(key: str, sweep: IntervalSweep) -> Dimension:
    from optuna.distributions import FloatDistribution, IntDistribution

    ends: Any = (sweep.start, sweep.end)
    whole = all(isinstance(end, int) for end in ends)
    kind = IntDistribution if whole else FloatDistribution
    return Dimension(key, _made(key, kind, *ends, log="log" in sweep.tags), None, {})


def _range(key: str, sweep: RangeSweep, values: tuple[Any, ...]) -> Dimension:
    from optuna.distributions import FloatDistribution, IntDistribution

    log = "log" in sweep.tags
    low, high = min(values), max(values)
    if all(isinstance(value, int) for value in values):
        step = 1 if log else abs(int(sweep.step))
        made = _made(key, IntDistribution, low, high, log=log, step=step)
        return Dimension(key, made, values, {})
    if log:
        return Dimension(key, _made(key, FloatDistribution, low, high, log=True), None, {})
    width = abs(float(sweep.step))
    # In decimals, so that 0.1 + 0.2 is 0.3 and the last value can be reached.
    first, decimal_width = Decimal(repr(float(low))), Decimal(repr(width))
    listed = tuple(float(first + k * decimal_width) for k in range(len(values)))
    # Optuna rounds the upper end down to a whole number of steps, by its shortest decimals.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        beyond = listed[-1] + width / 1000
        made = _made(key, FloatDistribution, listed[0], beyond, step=width)
    return Dimension(key, made, listed, {})


def _choice(key: str, override: Override) -> Dimension:
    from optuna.distributions import CategoricalDistribution

    texts = list(override.sweep_string_iterator())
    if not texts:
        raise SweepError(f"{key} must have a value to try; {override.input_line} has none.")
    natives = map(_native, override.sweep_iterator(), texts)
    table = dict(zip(natives, texts, strict=True))
    return Dimension(key, CategoricalDistribution(tuple(table)), tuple(table), table)


def _made(key: str, kind: Any, low: float, high: float, **options: Any) -> Any:
    try:
        return kind(low, high, **options)
    except ValueError as error:
        raise SweepError(f"{key}: {error}") from None


def _native(value: Any, text: str) -> Any:
    # Optuna keeps plain values; lists and dictionaries are kept as Hydra writes them.
    from hydra.core.override_parser.types import QuotedString

    if isinstance(value, QuotedString):
        return value.text
    return value if value is None or isinstance(value, str | int | float | bool) else text
