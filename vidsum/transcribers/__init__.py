"""Words that were spoken: from subtitles that are there already, or from the sound."""
