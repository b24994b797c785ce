"""Records of runs: form, ranks and evidence."""
