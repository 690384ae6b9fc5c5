"""The score-matrix engine: stages, batches, losses, mining and checkpoints. A torch room.

A batch encodes each distinct text once; then every loss is arithmetic on one matrix of cosines.
"""

from faqtune.train.data import Example, TrainingData
from faqtune.train.engine import StepLoss
from faqtune.train.loop import Listener, Outcome, train

__all__ = ["Example", "Listener", "Outcome", "StepLoss", "TrainingData", "train"]
