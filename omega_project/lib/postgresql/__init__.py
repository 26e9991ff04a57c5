"""Django's PostgreSQL, with a wall between businesses that the database itself keeps."""
