"""What people see: one file per command runs it, shows its progress and prints its result. No logic of its own."""
