"""What a method is, and the context it is given."""
