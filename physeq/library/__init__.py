"""Ready components by domain, written in the public symbols only: electrical, mechanical, neural, oscillators."""
