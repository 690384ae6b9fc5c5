"""Question vectors: the labels that move them, what they bring, and their files."""
