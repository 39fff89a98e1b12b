"""Jobs: work in the background, its queue, its progress, and what is taken up again."""
