"""Questions asked of finished runs: what choosing an epoch buys, where a gain comes from, how strong a student is."""
