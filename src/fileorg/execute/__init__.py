"""The only writer of user files: carries out plans, and settles what a crash left open."""
