"""The only writer of user files: carries out plans, and settles what a crash left open."""

from fileorg.execute.recover import recover
from fileorg.execute.run import BATCH_ROWS, Changed, Execution

__all__ = ["BATCH_ROWS", "Changed", "Execution", "recover"]
