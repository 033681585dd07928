"""Files to pictures, sound and subtitles, through a guarded decode process."""
