"""Landmarks from video files and webcams, found by MediaPipe Holistic."""

from gislr.video.reading import VIDEO_SUFFIXES, read_video, read_webcam

__all__ = ["VIDEO_SUFFIXES", "read_video", "read_webcam"]
