"""What maintainers of the suite run and users never do. Not part of the wheel."""
