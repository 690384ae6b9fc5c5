"""What to ask people next, what they said, and how far that gets: the queue, the search, the page and the terminal."""
