"""What stands on disk and is trusted: hashes of content, locks, leftovers, and files that went bad."""
