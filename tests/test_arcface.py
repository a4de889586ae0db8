"""The angular loss against Deng et al.'s formula by hand."""

import math

import numpy as np
import pytest

from gislr.training.arcface import ArcFace
from gislr.training.training_settings import ArcFaceSettings

MARGIN = math.acos(0.8)
"""Its cosine is 0.8 and its sine 0.6."""


def angular_loss(clips, labels, segment_weights):
    """Returns what the layer adds for clips of two units; the signs' centers are the axes."""
    layer = ArcFace(ArcFaceSettings(weight=0.5, margin=MARGIN, scale=10.0))
    clips = np.array([clips], np.float32)
    logits = np.zeros((1, clips.shape[1], 2), np.float32)
    given = [np.array([values]) for values in (labels, segment_weights)]
    layer.build(*(array.shape for array in (logits, clips, *given)))
    layer.centers.assign([[2.0, 0.0], [0.0, 3.0]])  # lengths do not count
    np.testing.assert_array_equal(layer(logits, clips, *given), logits)
    [loss] = layer.losses
    return float(np.asarray(loss))


@pytest.mark.parametrize(
    ("clip", "label", "expected"),
    [
        # cosines (0.6, 0.8); cos(a + m) = 0.6 * 0.8 - 0.8 * 0.6 = 0: ln(1 + e^8)
        ([3.0, 4.0], 0, 8.000335),
        # cosines (0.8, -0.6); cos(a + m) = -0.6 * 0.8 - 0.8 * 0.6 = -0.96: 8 + 9.6
        ([4.0, -3.0], 1, 17.6),
        # Beyond a half turn, cosines (0, -1): -1 - m sin m = -1.3861
        ([0.0, -2.0], 1, 13.861),
    ],
)
def test_the_margin_is_added_to_the_angle_of_the_right_sign(clip, label, expected):
    labels = np.array([label], np.int32)
    found = angular_loss([clip], labels, np.ones(1, np.float32))
    assert found == pytest.approx(0.5 * expected, abs=1e-4)


def test_empty_segments_add_nothing():
    labels, weights = np.array([0, 1], np.int32), np.array([1, 0], np.float32)
    found = angular_loss([[3.0, 4.0], [4.0, -3.0]], labels, weights)
    assert found == pytest.approx(0.5 * 8.000335 / 2, abs=1e-4)


def test_soft_labels_share_the_margin():
    # Both signs' cos(a + m): 0 and 0.8 * 0.8 - 0.6 * 0.6 = 0.28. Mixed with the cosines:
    # 10 * (0.25 * 0 + 0.75 * 0.6, 0.75 * 0.28 + 0.25 * 0.8) = (4.5, 4.1)
    expected = math.log(math.exp(4.5) + math.exp(4.1)) - (0.25 * 4.5 + 0.75 * 4.1)
    soft = np.array([[0.25, 0.75]], np.float32)
    found = angular_loss([[3.0, 4.0]], soft, np.ones(1, np.float32))
    assert found == pytest.approx(0.5 * expected, abs=1e-5)
