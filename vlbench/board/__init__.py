"""Records and the table made of them. The table is a pure function of records."""
