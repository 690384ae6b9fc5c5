"""Work for a language model: what it is asked, what that costs, and whether its answers hold."""
