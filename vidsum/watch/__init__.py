"""Folder mode: drop a video, find a summary; for months, unattended."""
