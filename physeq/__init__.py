"""physeq: write the physics once, in symbols."""
