"""BGE-M3's other heads: a weight for each token (lexical matching) and a vector for each (ColBERT).

Both are linear maps of the last layer's token vectors, in files beside the model: `sparse_linear.pt`
(to one number) and `colbert_linear.pt`. What they compute is section 3.1 of arXiv 2402.03216; the files
are those that FlagEmbedding reads and writes.
"""

from __future__ import annotations

import hashlib
import io
import math
import pickle
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, relu

from faqtune.errors import UserError

HEADS = ("sparse", "multi_vector")
FILES = {"sparse": "sparse_linear.pt", "multi_vector": "colbert_linear.pt"}


class TokenHeads(nn.Module):
    """The two heads of one model, in float32. `fresh`: names of those that the model's folder had no file of."""

    def __init__(self, sparse: nn.Linear, multi_vector: nn.Linear, fresh: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self.sparse = sparse
        self.multi_vector = multi_vector
        self.fresh = fresh
        self._at_start = {name: self._digest(name) for name in HEADS}

    def token_weights(self, tokens: Tensor) -> Tensor:
        """How much each token counts in lexical matching, (n,), at least 0, from token vectors (n, d)."""
        return relu(self.sparse(tokens)).squeeze(-1)

    def token_vectors(self, tokens: Tensor) -> Tensor:
        """Unit vectors of tokens, (n, k), from token vectors (n, d)."""
        return normalize(self.multi_vector(tokens), dim=-1)

    def changed(self) -> tuple[str, ...]:
        """Names of the heads that are no longer what they were at first: those that training has moved."""
        return tuple(name for name in HEADS if self._digest(name) != self._at_start[name])

    def file(self, name: str) -> bytes:
        """A head as the content of its file."""
        buffer = io.BytesIO()
        state = self.get_submodule(name).state_dict()
        torch.save({key: tensor.detach().cpu().clone() for key, tensor in state.items()}, buffer)
        return buffer.getvalue()

    def _digest(self, name: str) -> str:
        tensors = self.get_submodule(name).state_dict().values()
        return hashlib.sha256(b"".join(tensor.cpu().numpy().tobytes() for tensor in tensors)).hexdigest()


def write_heads(heads: TokenHeads | None, folder: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Write the heads that training has moved to a model folder. Returns the names of their files, and of those
    written although they are as random as they were made: FlagEmbedding reads both files or neither."""
    if heads is None or not (changed := heads.changed()):
        return (), ()
    random = [name for name in HEADS if name in heads.fresh and name not in changed]
    for name in (*changed, *random):
        (folder / FILES[name]).write_bytes(heads.file(name))
    return tuple(FILES[name] for name in changed), tuple(FILES[name] for name in random)


def load_heads(folder: Path, width: int, seed: int) -> TokenHeads:
    """The heads that lie in a model folder; one that does not is made anew, as FlagEmbedding does: a linear map of
    torch's usual initialisation, the multi-vector one as wide as the model.

    `width`: numbers of a token vector. The same `seed` makes the same heads. No pickle but plain tensors is read.
    Raises UserError for a file that is damaged or belongs to another model.
    """
    generator = torch.Generator().manual_seed(seed)
    made = {"sparse": _fresh(width, 1, generator), "multi_vector": _fresh(width, width, generator)}
    found = {name: _load(folder / file, width) for name, file in FILES.items() if (folder / file).is_file()}
    if "sparse" in found and found["sparse"].out_features != 1:
        raise _unfit(folder / FILES["sparse"], f"gives {found['sparse'].out_features} numbers for a token, not 1")
    return TokenHeads(**(made | found), fresh=frozenset(made.keys() - found.keys()))


def _fresh(width: int, numbers: int, generator: torch.Generator) -> nn.Linear:
    """`nn.Linear` as torch initialises it, without touching torch's global generator."""
    linear = _empty(width, numbers)
    bound = 1 / math.sqrt(width)
    for parameter in linear.parameters():
        nn.init.uniform_(parameter, -bound, bound, generator=generator)
    return linear


def _empty(width: int, numbers: int) -> nn.Linear:
    return nn.Linear(width, numbers, device="meta").to_empty(device="cpu")


def _load(path: Path, width: int) -> nn.Linear:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    # What a damaged file raises depends on where the damage is.
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError) as error:
        raise _unfit(path, "cannot be read") from error
    weight, bias = (state.get(key) if isinstance(state, dict) else None for key in ("weight", "bias"))
    if not isinstance(weight, Tensor) or not isinstance(bias, Tensor) or weight.ndim != 2:
        raise _unfit(path, "is not the state of one linear map (`weight` and `bias`)")
    if weight.shape[1] != width or bias.shape != weight.shape[:1]:
        raise _unfit(path, f"does not fit token vectors of {width} numbers ({tuple(weight.shape)})")
    linear = _empty(width, len(weight))
    linear.load_state_dict({"weight": weight, "bias": bias})
    return linear


def _unfit(path: Path, why: str) -> UserError:
    return UserError(f"{path} {why}", "get the model folder anew, or train without [stages.heads]")
