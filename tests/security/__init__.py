"""What guards omega, shown line by line (docs/security.md)."""
