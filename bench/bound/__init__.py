"""What omega is measured against: the same server and database with as little as possible between them."""
