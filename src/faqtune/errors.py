"""The one error that users see: where it went wrong, and what to do next."""

from __future__ import annotations

SAID_OUT_OF_MEMORY = (
    "can't allocate memory", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "MPS backend out of memory",
)  # fmt: skip
"""By these words torch's plain RuntimeErrors are known: of the CPU, of CUDA outside torch's own store, of Apple's."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory was too small, of the machine or of a GPU. By names and words: torch need not be there.

    >>> is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"))
    True
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in SAID_OUT_OF_MEMORY)


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


def out_of_memory(error: BaseException) -> UserError:
    """What an error that `is_out_of_memory` means to a user, of the machine or of a GPU."""
    if any(kind in str(error) for kind in ("CUDA", "CUBLAS", "MPS")):
        listed = "" if "MPS" in str(error) else " (`nvidia-smi` lists them)"
        return UserError(
            "the memory of the GPU is too small",
            f"end other programs that use it{listed}, or take a smaller model (base under [model] in faqtune.toml)",
        )
    return UserError(
        "there is not enough memory", "close other programs, give smaller files, or take a smaller model (base under "
        "[model] in faqtune.toml)",
    )  # fmt: skip
