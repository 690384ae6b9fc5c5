"""What goes on around a training: its processes, its listeners, the files and facts of its run."""
