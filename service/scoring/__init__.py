"""Models at work: checked in a child process, mapped from read-only files, kept at hand."""
