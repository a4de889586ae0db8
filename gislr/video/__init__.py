"""Landmarks from video files and webcams, found by MediaPipe Holistic."""

from gislr.video.reading import read_video, read_webcam

__all__ = ["read_video", "read_webcam"]
