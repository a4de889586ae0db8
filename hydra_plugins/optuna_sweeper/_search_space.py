"""Search spaces in Hydra's sweep syntax, with conditions."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import optuna
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, QuotedString, RangeSweep
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from hydra_plugins.optuna_sweeper._errors import SweepError


@dataclass(frozen=True)
class Dimension:
    """One swept key.

    Attributes:
        key: The key with its prefix, as in an override: `model.units`, `+new`.
        distribution: Optuna's distribution.
        values: Every value, or `None` for an interval.
        texts: For a choice, each of Optuna's values in Hydra's syntax.
        conditions: Keys and values that must all be chosen for this key to exist.
        sweep: The sweep as the user wrote it.
    """

    key: str
    distribution: BaseDistribution
    values: tuple[Any, ...] | None = None
    texts: Mapping[Any, str] = field(default_factory=dict)
    conditions: Mapping[str, str] = field(default_factory=dict)
    sweep: str = field(default="", compare=False, repr=False)

    def override(self, value: Any) -> str:
        """Returns `key=value` in Hydra's syntax."""
        return f"{self.key}={self.texts.get(value, value)}"


@dataclass(frozen=True)
class SearchSpace:
    """The keys that a sweep searches.

    Attributes:
        dimensions: The swept keys; conditional ones may depend on earlier ones.
        fixed: Overrides that every trial has.
        defaults: Values of the conditions' keys where nothing overrides them.
    """

    dimensions: tuple[Dimension, ...]
    fixed: tuple[str, ...]
    defaults: Mapping[str, str] = field(default_factory=dict)

    def suggest(self, trial: optuna.Trial) -> list[str]:
        """Samples a value of every dimension that applies; returns all overrides of the trial."""
        params = self._choose(lambda d: trial._suggest(d.key, d.distribution))
        return [*self.fixed, *self.overrides(params)]

    def overrides(self, params: Mapping[str, Any]) -> list[str]:
        """Returns the overrides of a trial's parameters, without the fixed ones."""
        dimensions = {d.key: d for d in self.dimensions}
        return [
            dimensions[key].override(value) if key in dimensions else f"{key}={value}"
            for key, value in params.items()
        ]

    def example(self) -> list[str]:
        """Returns the overrides of one trial without conditional keys."""
        first = [
            d.override(d.values[0] if d.values else getattr(d.distribution, "low", None))
            for d in self.dimensions
            if not d.conditions
        ]
        return [*self.fixed, *first]

    def combinations(self) -> list[dict[str, Any]]:
        """Returns every combination of values, in the order of Hydra's grids.

        Raises:
            SweepError: A dimension is an interval.
        """
        for dimension in self.dimensions:
            if dimension.values is None:
                raise SweepError(
                    f"Trying every combination needs choices and ranges only, but "
                    f"{dimension.key} is an interval; set hydra.sweeper.n_trials and a sampler "
                    "other than grid."
                )

        def combine(values: tuple[Any, ...]) -> dict[str, Any]:
            table = dict(zip((d.key for d in self.dimensions), values, strict=True))
            return self._choose(lambda dimension: table[dimension.key])

        # Values of keys whose conditions do not hold make no difference.
        products = itertools.product(*(d.values or () for d in self.dimensions))
        return list({tuple(found.items()): found for found in map(combine, products)}.values())

    def _choose(self, choose: Callable[[Dimension], Any]) -> dict[str, Any]:
        """Chooses a value of every dimension whose conditions hold."""
        params: dict[str, Any] = {}
        overrides = {**self.defaults, **dict(map(_split, self.fixed))}
        for dimension in self.dimensions:
            conditions = dimension.conditions.items()
            if all(_equal(overrides.get(key), value) for key, value in conditions):
                params[dimension.key] = choose(dimension)
                overrides.update([_split(dimension.override(params[dimension.key]))])
        return params


def read_search_space(
    arguments: Sequence[str],
    params: Mapping[str, Any],
    when: Mapping[str, Any],
    config_loader: ConfigLoader | None = None,
    default: Callable[[str], object] = lambda key: None,
) -> SearchSpace:
    """Reads a search space.

    Args:
        arguments: Overrides from the command line; they replace entries of `params` and `when`.
        params: Key to sweep, such as `{"model.units": "choice(256, 384)"}`; a list is a choice.
        when: Condition such as `schedule=warmup` to a mapping like `params`.
        config_loader: Finds the options of a group for `group=glob(*)`.
        default: Returns the value of a condition's key where nothing overrides it.

    Raises:
        SweepError: A value is no sweep of Hydra's, or nothing is swept.

    Example:
        >>> from hydra_plugins.optuna_sweeper._search_space import read_search_space
        >>> space = read_search_space(["seed=range(0,2)", "model=small"], {}, {})
        >>> space.combinations(), space.fixed
        ([{'seed': 0}, {'seed': 1}], ('model=small',))
    """
    sections: list[tuple[Mapping[str, str], Mapping[str, Any]]] = [({}, params)]
    for condition, values in when.items():
        if not isinstance(values, Mapping) or "=" not in condition:
            raise SweepError(
                "hydra.sweeper.when must map conditions such as schedule=warmup to swept keys; "
                f"got {condition!r}: {values!r}."
            )
        sections.append((dict(_split(part.strip()) for part in condition.split(",")), values))
    typed = {_split(argument)[0] for argument in arguments}
    texts: list[tuple[str, Mapping[str, str]]] = [(argument, {}) for argument in arguments]
    for conditions, section in sections:
        texts += [
            (f"{key}={_sweep_text(key, value)}", conditions)
            for key, value in section.items()
            if _bare(str(key)) not in typed
        ]
    parser = OverridesParser.create(config_loader=config_loader)
    overrides = [(parser.parse_override(text), conditions) for text, conditions in texts]
    dimensions = [_dimension(*entry) for entry in overrides if entry[0].is_sweep_override()]
    if all(dimension.conditions for dimension in dimensions):
        raise SweepError(
            "A sweep needs a key to sweep, for instance 'model.units=choice(256,384)', "
            "'seed=range(0,5)' or 'loss.label_smoothing=interval(0,0.5)'; got none."
        )
    return SearchSpace(
        tuple(dimensions),
        tuple(str(o.input_line) for o, _ in overrides if not o.is_sweep_override()),
        {key: str(default(key)) for conditions, _ in sections for key in conditions},
    )


def _sweep_text(key: str, value: Any) -> str:
    if isinstance(value, list):
        return f"choice({','.join(str(entry) for entry in value)})"
    if isinstance(value, Mapping):
        raise SweepError(
            f"hydra.sweeper.params.{key} must be a sweep such as choice(1,2); got {value!r}."
        )
    return "null" if value is None else str(value)


def _equal(value: str | None, expected: str) -> bool:
    # YAML and Python write true, false and null differently.
    return value is not None and value.casefold().replace("none", "null") == expected.casefold()


def _split(override: str) -> tuple[str, str]:
    key, _, value = override.partition("=")
    return _bare(key), value


def _bare(key: str) -> str:
    return key.lstrip("+~")


def _dimension(override: Override, conditions: Mapping[str, str]) -> Dimension:
    key, values, texts = override.get_key_element(), None, {}
    distribution: Any
    try:
        match override.value():
            case IntervalSweep(start=low, end=high, tags=tags):
                is_int = {type(low), type(high)} == {int}
                kind: Any = IntDistribution if is_int else FloatDistribution
                distribution = kind(low, high, log="log" in tags)
            case RangeSweep(shuffle=False) as sweep if numbers := tuple(sweep.range()):
                distribution, values = _range(sweep, numbers)
            case _:
                choices = list(override.sweep_string_iterator())
                if not choices:
                    raise SweepError(
                        f"{key} must have a value to try; {override.input_line} has none."
                    )
                natives = map(_native, override.sweep_iterator(), choices)
                texts = dict(zip(natives, choices, strict=True))
                values = tuple(texts)
                distribution = CategoricalDistribution(values)
    except ValueError as error:
        raise SweepError(f"{key}: {error}") from None
    text = str(override.input_line).partition("=")[2]
    return Dimension(key, distribution, values, texts, conditions, text)


def _range(sweep: RangeSweep, numbers: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...] | None]:
    """Returns the distribution and the values of `range(...)`."""
    low, high, log = min(numbers), max(numbers), "log" in sweep.tags
    if all(isinstance(number, int) for number in numbers):
        step = 1 if log else abs(int(sweep.step))
        return IntDistribution(low, high, log=log, step=step), numbers
    if log:
        return FloatDistribution(low, high, log=True), None
    # In decimals, so that 0.1 + 0.2 is 0.3 and the last value can be reached.
    width = abs(float(sweep.step))
    first, decimal_width = Decimal(repr(float(low))), Decimal(repr(width))
    values = tuple(float(first + k * decimal_width) for k in range(len(numbers)))
    # Optuna rounds the upper end down to a whole number of steps, and warns.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return FloatDistribution(values[0], values[-1] + width / 1000, step=width), values


def _native(value: Any, text: str) -> Any:
    """Returns a plain value for Optuna; lists and dictionaries stay in Hydra's syntax."""
    if isinstance(value, QuotedString):
        return value.text
    return value if value is None or isinstance(value, str | int | float | bool) else text
