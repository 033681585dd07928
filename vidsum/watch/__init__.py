"""Folder mode: drop a video, find a summary."""
