"""The one error that users see: where it went wrong, and what to do next."""

from __future__ import annotations


class UserError(Exception):
    """Bad input or a missing step. The CLI prints it without a traceback and exits with 2.

    >>> print(UserError("faq.xlsx, sheet 1, row 14: no answer", "fill it in, or set skip_empty = true in faqtune.toml"))
    faq.xlsx, sheet 1, row 14: no answer. Next: fill it in, or set skip_empty = true in faqtune.toml.
    """

    exit_code = 2
    """What the command line exits with."""

    def __init__(self, problem: str, next_step: str = "") -> None:
        self.problem = problem.rstrip(".。 ")
        self.next_step = next_step.rstrip(".。 ")
        super().__init__(f"{self.problem}. Next: {self.next_step}." if next_step else f"{self.problem}.")
