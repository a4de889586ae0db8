"""Size and time of exported files, with the default model, 250 signs and one core.

python -m benchmarks.exporting [--rounds 5]
"""

from __future__ import annotations

import argparse
import statistics as middle

from benchmarks.training import default_model
from gislr.backend import quiet_backend
from gislr.batches.packing import Layout

FRAMES = (10, 20, 200, 400, 5_000)
SIGNS = 250


def main() -> None:
    """Prints one line a file: megabytes and milliseconds by the number of frames of a clip."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exporting", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with quiet_backend():
        from gislr.data.preprocessing import reference
        from gislr.exporting import PRECISIONS
        from gislr.exporting.checks import milliseconds
        from gislr.exporting.litert import litert
        from gislr.exporting.onnx import ONNXRecogniser, onnx
        from gislr.models import build_model
        from gislr.models.serving import TrainedModel
        from gislr.recognition.litert_recogniser import LiteRTRecogniser

    settings, signs = default_model(), [f"sign {k}" for k in range(SIGNS)]
    layout = Layout(64, slots=1, packed=False)
    model = build_model(
        settings, signs=SIGNS, layout=layout, preprocessing=reference(64), precision="float32"
    )
    models = [TrainedModel(model, settings, signs, reference(64))]
    contents = {name: litert(models, name) for name in PRECISIONS}
    recognisers: dict[str, object] = {
        name: LiteRTRecogniser(content, signs) for name, content in contents.items()
    }
    contents["ONNX"] = onnx(models)
    recognisers["ONNX"] = ONNXRecogniser(contents["ONNX"], signs)
    times: dict[tuple[str, int], list[float]] = {}
    for _ in range(rounds):
        for frames in FRAMES:
            for name, recogniser in recognisers.items():
                times.setdefault((name, frames), []).append(milliseconds(recogniser, frames))
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
