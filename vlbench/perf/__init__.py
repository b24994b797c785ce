"""Times of the parts of a run, beside what these parts cannot do without."""
