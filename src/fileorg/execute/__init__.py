"""The only writer of user files: carries out plans and recovers interrupted operations."""
