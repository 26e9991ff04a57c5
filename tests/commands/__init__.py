"""The commands of manage.py, as an operator calls them."""
