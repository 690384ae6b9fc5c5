"""What a project holds, put together for the commands: its parts, labels, texts and models."""
