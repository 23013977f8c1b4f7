"""Ready components by domain, written in the public symbols only: electrical, neural, oscillators."""
