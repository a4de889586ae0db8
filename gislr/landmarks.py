"""Which of MediaPipe Holistic's 543 landmarks are read, and the parts they form.

A frame holds the face (468), the left hand (21), the pose (33) and the right hand (21), in this
order. The reference (Wijkhuizen's notebook) reads 66 of them: 40 of the lips, the 21 of the
dominant hand and the 5 of its arm.
"""

from __future__ import annotations

import numpy as np

LANDMARKS_PER_FRAME = 543
GROUPS = {"face": (0, 468), "left_hand": (468, 21), "pose": (489, 33), "right_hand": (522, 21)}
"""Name, first row and number of rows of each group of a frame."""

# fmt: off
LIPS = np.array([
    61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 146, 91, 181, 84, 17, 314, 405, 321, 375,
    78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308,
])
# fmt: on
LEFT_HAND = np.arange(468, 489)
RIGHT_HAND = np.arange(522, 543)
LEFT_ARM = np.array([502, 504, 506, 508, 510])
RIGHT_ARM = np.array([503, 505, 507, 509, 511])

LEFT_DOMINANT = np.concatenate([LIPS, LEFT_HAND, LEFT_ARM])
"""The 66 rows kept of a clip whose dominant hand is the left one."""
RIGHT_DOMINANT = np.concatenate([LIPS, RIGHT_HAND, RIGHT_ARM])
"""The 66 rows kept of a clip whose dominant hand is the right one."""
READ = np.concatenate([LEFT_DOMINANT, RIGHT_HAND, RIGHT_ARM])
"""The 92 rows that are read of any clip."""

PARTS = {"lips": slice(0, 40), "hand": slice(40, 61), "pose": slice(61, 66)}
"""Where each part stands among the landmarks kept."""
LANDMARKS_KEPT = 66

FINGERS = tuple(
    slice(PARTS["hand"].start + k, PARTS["hand"].start + k + 4) for k in range(1, 21, 4)
)
"""Where the landmarks of each finger stand among those kept, thumb first; 0 is the wrist."""
