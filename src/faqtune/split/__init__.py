"""Which conversations, entries and noise may be trained on, and which only measure: grouped and free of leaks."""

from faqtune.split.assign import assign, hand_labels_train
from faqtune.split.leaks import check, check_split, without_leaks
from faqtune.split.near import without_near_leaks

__all__ = ["assign", "check", "check_split", "hand_labels_train", "without_leaks", "without_near_leaks"]
