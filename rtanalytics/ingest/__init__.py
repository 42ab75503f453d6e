"""Live input: one process per source, the recorder, the trender, and their supervisor."""
