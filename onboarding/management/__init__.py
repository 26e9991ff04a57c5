"""Commands for whoever signs businesses up."""
