"""A model card of what a run logged, in Markdown: what the model is, how good, what it cannot do.

The sections are those that people know: Mitchell et al. 2019, doi:10.1145/3287560.3287596, and
Hugging Face.
"""

from __future__ import annotations

from collections.abc import Sequence

from gislr.config.configuration import Configuration
from gislr.data.label_map import LABEL_MAP
from gislr.data.landmarks import GROUPS, LANDMARKS_PER_FRAME
from gislr.export.agreement import TIMED_FRAMES, Agreement
from gislr.export.card_details import (
    data_details,
    is_simulated,
    model_details,
    signers_trained_on,
)
from gislr.export.card_evaluation import CardEvaluation
from gislr.inference.litert_recognizer import (
    FIXED_FRAMES,
    FIXED_SIGNATURE,
    INPUT,
    LENGTH,
    LITERT_FILE,
    OUTPUT,
    REJECTION,
    SIGNATURE,
)
from gislr.tracking.model_registry import EVIDENCE
from gislr.tracking.run_reader import MEMBERS, LoggedRun
from gislr.tracking.training_record import TEMPERATURE, THRESHOLD
from gislr.utils.markdown import bullets, code, table

_INTENDED_USE = (
    "Names the sign in a short clip in which one person shows one sign: to practice vocabulary, to "
    "look a sign up, for research. It is no translator, and no ground for decisions about people."
)


def model_card(run: LoggedRun, agreements: Sequence[Agreement] = ()) -> str:
    """Returns the model card of a training, or of a final run.

    A final run is trained on all signers: its card has the scores of the validated run that it
    rests on, and says so.

    Args:
        run: The run.
        agreements: The exported files, where they have been compared with Keras.

    Raises:
        GislrError: The run does not hold what is needed.
    """
    members, signs = run.members(), run.signs()
    training, configuration = members[0], members[0].configuration()
    validated = _validated(run)
    evaluation = CardEvaluation.of_run(validated) if validated else None
    sections = {
        "Model details": model_details(run, members, configuration),
        "Intended use": _INTENDED_USE,
        "Data": data_details(training, configuration, signs),
        "Evaluation": _evaluation(run, training, evaluation),
        "Limitations": _limitations(training, configuration, signs, evaluation),
        "How to use": _usage(signs, agreements),
    }
    parts = [f"## {name}\n\n{text}\n" for name, text in sections.items()]
    return "\n".join([f"# Recognizer of {len(signs)} isolated signs\n", *parts])


def _validated(run: LoggedRun) -> LoggedRun | None:
    """Returns the run that held clips out for the model; `None` if it is gone from the store."""
    from mlflow.exceptions import MlflowException

    try:
        return LoggedRun.of(run.client, run.tags[EVIDENCE]) if EVIDENCE in run.tags else run
    except MlflowException:
        return None


def _evaluation(run: LoggedRun, training: LoggedRun, evaluation: CardEvaluation | None) -> str:
    scores = evaluation and evaluation.markdown(
        training.metrics.get(TEMPERATURE, 1.0), training.metrics.get(THRESHOLD, 0.0)
    )
    if EVIDENCE not in run.tags:
        return scores or "No scores on clips held out were kept: nobody knows how good it is."
    rests = (
        "This model was trained on all signers, so nobody is left to evaluate it on. It rests on "
        f"the scores of the validated run {code(run.tags[EVIDENCE])}, "
    )
    if not evaluation:
        return f"{rests}which the tracking store no longer has."
    epochs = evaluation.run.training().parameters["training.epochs"]
    own = training.parameters["training.epochs"]
    differs = f", except that this model trained {own} epochs instead of {epochs}" * (own != epochs)
    single = " The scores are of single models, not of their average." * (MEMBERS in run.tags)
    return (
        f"{rests}which has the same settings{differs}, and did not see the signers it was "
        f"evaluated on.{single}\n\n{scores}"
    )


def _limitations(
    training: LoggedRun,
    configuration: Configuration,
    signs: Sequence[str],
    evaluation: CardEvaluation | None,
) -> str:
    simulated, signers = is_simulated(configuration), signers_trained_on(training)
    some = '; "not sure" catches some of these' if training.metrics.get(THRESHOLD) else ""
    return bullets(
        [
            simulated
            and "**It knows no sign language:** its clips are simulated, its signs invented. It "
            "serves to try the software; its scores say nothing about people who sign.",
            f"It knows its {len(signs)} signs only, and takes any other sign or movement for one "
            f"of them{some}.",
            "It learned from clips of one sign each: no sentences, no fingerspelling.",
            "It expects one person in the image, and a hand that MediaPipe finds.",
            signers
            and not simulated
            and f"It learned from {signers:.0f} people. People who sign otherwise, or are filmed "
            "otherwise, may be recognized far less often; nobody has measured for whom.",
            *(evaluation.limitations() if evaluation else []),
        ]
    )


def _usage(signs: Sequence[str], agreements: Sequence[Agreement]) -> str:
    groups = ", ".join(f"{name} {size}" for name, (_, size) in GROUPS.items()).replace("_", " ")
    usage = f"""\
```sh
gislr predict model={LITERT_FILE} CLIP     # a clip, a folder, a video
```

```python
from ai_edge_litert.interpreter import Interpreter

recognize = Interpreter("{LITERT_FILE}").get_signature_runner("{SIGNATURE}")
probabilities = recognize({INPUT}=landmarks)["{OUTPUT}"]
```

- `{INPUT}`: float32 [frames, {LANDMARKS_PER_FRAME}, 3], the x, y and z of every landmark of
  MediaPipe Holistic ({groups}); NaN where it was not found
- `{OUTPUT}`: float32 [{len(signs)}], probabilities in the order of `{LABEL_MAP}`
- the signature `{FIXED_SIGNATURE}` is for runtimes that cannot resize inputs: `{INPUT}` has
  {FIXED_FRAMES} frames, of which the first `{LENGTH}` (int32) are the clip
- `{REJECTION}`: where the highest probability is below this one, the answer is "not sure\""""
    if not agreements:
        return usage
    frames = TIMED_FRAMES[0]
    rows = [
        (
            code(each.file),
            f"{each.megabytes:.1f}",
            f"{each.accuracy_drop:.1%}",
            f"{each.milliseconds[frames]:.1f}",
        )
        for each in agreements
    ]
    lost = f"accuracy lost on {agreements[0].clips} clips"
    header = ["file", "MB", lost, f"ms for {frames} frames, on one core"]
    return f"{usage}\n\n{table(header, rows)}"
