"""What was measured of models and labels, kept and read back."""
