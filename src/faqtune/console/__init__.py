"""What people see: runs a command, shows its progress and prints its result. No logic of its own."""
