"""What lists, filters and searches read at a million messages: plans and rows instead of times."""
