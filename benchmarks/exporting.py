"""Size and time of exported files, with the default model, 250 signs and one core.

python -m benchmarks.exporting [--rounds 5]
"""

from __future__ import annotations

import argparse
import statistics as middle
from typing import TYPE_CHECKING

from benchmarks.training import default_model
from gislr.batches.packing import Layout
from gislr.utils.quiet import quiet_backend

if TYPE_CHECKING:
    from gislr.models.serving import TrainedModel

FRAMES = (10, 20, 200, 400, 5_000)
SIGNS = 250


def default_trained() -> TrainedModel:
    """Returns the default model, with the weights that it starts from."""
    with quiet_backend():
        from gislr.data.preprocessing import reference
        from gislr.models import build_model
        from gislr.models.serving import TrainedModel

    settings = default_model()
    layout = Layout(64, segments=1, packed=False)
    model = build_model(
        settings, signs=SIGNS, layout=layout, preprocessing=reference(64), precision="float32"
    )
    return TrainedModel(model, settings, [f"sign {k}" for k in range(SIGNS)], reference(64))


def main() -> None:
    """Prints one line a file: megabytes and milliseconds by the number of frames of a clip."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exporting", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with quiet_backend():
        from gislr.export import PRECISIONS
        from gislr.export.agreement import milliseconds
        from gislr.export.litert import litert
        from gislr.export.onnx import ONNXRecognizer, onnx
        from gislr.inference.litert_recognizer import LiteRTRecognizer

    models = [default_trained()]
    signs = models[0].signs
    contents = dict(zip(PRECISIONS, litert(models, PRECISIONS), strict=True))
    recognizers: dict[str, object] = {
        name: LiteRTRecognizer(content, signs) for name, content in contents.items()
    }
    contents["ONNX"] = onnx(models)
    recognizers["ONNX"] = ONNXRecognizer(contents["ONNX"], signs)
    times: dict[tuple[str, int], list[float]] = {}
    for _ in range(rounds):
        for frames in FRAMES:
            for name, recognizer in recognizers.items():
                times.setdefault((name, frames), []).append(milliseconds(recognizer, frames))
    print("file      " + "MB".rjust(7) + "".join(f"{f'{n} frames':>24}" for n in FRAMES))
    for name, content in contents.items():
        cells = [times[name, frames] for frames in FRAMES]
        shown = [f"{middle.median(c):.2f} ({min(c):.2f} to {max(c):.2f})" for c in cells]
        print(f"{name:<10}{len(content) / 1e6:>7.2f}" + "".join(f"{text:>24}" for text in shown))
    for frames in FRAMES:
        ratios = [
            a / b for a, b in zip(times["int8", frames], times["float32", frames], strict=True)
        ]
        print(f"int8 against float32 at {frames} frames: {middle.median(ratios):.2f} of the time")


if __name__ == "__main__":
    main()
