"""Live input: a process a source, the recorder, the trender, and what watches over them."""
