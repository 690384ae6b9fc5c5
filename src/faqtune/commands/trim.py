"""`faqtune trim`: a model with the vocabulary that a project needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from faqtune.commands.project.models import card_base, load_unchanged, refuse_existing, resolved_name
from faqtune.commands.project.texts import Said, in_blocks, project_texts
from faqtune.errors import UserError
from faqtune.progress import Reporter, Silent
from faqtune.records import TEST
from faqtune.workspace import Workspace

if TYPE_CHECKING:
    from faqtune.model import TextModel

TEXTS_AT_ONCE = 1024
USUAL_SCRIPTS = ("han", "latin")
WEIGHTS = ("model*.safetensors", "pytorch_model*.bin")


@dataclass(frozen=True, slots=True)
class HeldBack:
    """What new texts would meet, shown on the test part: its vocabulary is cut as if that part did not exist.

    `texts` of customers and noise that occur nowhere else, their `tokens` (without special ones and
    prompt), and the shares of both that are then segmented otherwise.
    """

    texts: int
    texts_otherwise: float
    tokens: int
    tokens_otherwise: float


@dataclass(frozen=True, slots=True)
class Trimmed:
    """What was cut. `texts` of the project were checked to be segmented as before; megabytes are those of the
    weights' files. `held_back` is None before `faqtune split`, or if its test part has no text of its own."""

    start: str
    model: Path
    scripts: tuple[str, ...]
    texts: int
    pieces_before: int
    pieces_after: int
    parameters_before: int
    parameters_after: int
    megabytes_before: float
    megabytes_after: float
    held_back: HeldBack | None


@dataclass(slots=True)
class Needs:
    """Pieces (by id) and characters that texts are made of, as the tokenizer sees them."""

    ids: set[int] = field(default_factory=set)
    characters: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Survey:
    """What all texts need, what those outside the test part need, and the test part's own texts."""

    texts: int = 0
    every: Needs = field(default_factory=Needs)
    rest: Needs = field(default_factory=Needs)
    held_back: dict[str, None] = field(default_factory=dict)


def trim_model(
    workspace: Workspace,
    model: str,
    *,
    out: Path,
    scripts: tuple[str, ...] = USUAL_SCRIPTS,
    keep_texts: tuple[Path, ...] = (),
    reporter: Reporter | None = None,
) -> Trimmed:
    """Write `model` to the folder `out` with only the pieces that the project's texts consist of.

    Kept besides: pieces of `keep_texts` (text files), special pieces, and every single character of
    `scripts`, digits, punctuation and symbols, so that no new text of these becomes unknown. Every text
    of the project is segmented as before and has the same vector; other texts may be cut into smaller
    pieces. Weights stay in the numbers of their files. Raises UserError for a tokenizer that is not
    Unigram, for unknown scripts, where nothing can be cut, and if `out` exists.
    """
    from faqtune.model import ModelCard, save
    from faqtune.model.scripts import check_scripts
    from faqtune.model.trim import choose_pieces, read_pieces, token_table, tokenizer_writer, trim_embeddings

    reporter = reporter or Silent()
    check_scripts(scripts)
    refuse_existing(out)
    prompt = workspace.config().model.prompt or ""
    name = resolved_name(workspace, model, reporter.say)
    loaded = load_unchanged(workspace, name, reporter, stored=True)
    content = read_pieces(loaded)
    prompts = tuple(dict.fromkeys(["", loaded.prompt, prompt]))
    survey = _survey(loaded, prompts, project_texts(workspace, keep_texts), _is_tested(workspace))
    reporter.say(f"{survey.texts:,} texts read")
    held_back = _held_back(loaded, survey, scripts)
    kept = choose_pieces(loaded, content, survey.every.ids, survey.every.characters, scripts)
    pieces, parameters = token_table(loaded).num_embeddings, _parameters(loaded)
    if len(kept) == pieces:
        raise UserError(f"{model}: every one of its {pieces:,} pieces is needed", "use it as it is")
    trim_embeddings(loaded, kept)

    def texts() -> Iterator[list[str]]:
        for block in in_blocks(project_texts(workspace, keep_texts), TEXTS_AT_ONCE):
            yield from (loaded.prompted([said.text for said in block], each) for each in prompts)

    base = card_base(workspace, name)
    card = ModelCard(made="trimmed", origin=_origin(len(kept), pieces), base=base)
    save(loaded, out, card, write_tokenizer=tokenizer_writer(loaded, content, kept, texts))
    return Trimmed(
        start=name,
        model=out,
        scripts=scripts,
        texts=survey.texts,
        pieces_before=pieces,
        pieces_after=len(kept),
        parameters_before=parameters,
        parameters_after=_parameters(loaded),
        megabytes_before=_megabytes(loaded.source.folder),
        megabytes_after=_megabytes(out),
        held_back=held_back,
    )


def _survey(
    model: TextModel, prompts: tuple[str, ...], said: Iterable[Said], is_tested: Callable[[str], bool]
) -> Survey:
    """One pass over all texts."""
    survey, seen = Survey(), set[int]()
    for block in in_blocks(said, TEXTS_AT_ONCE):
        survey.texts += len(block)
        tested = [text for text in block if is_tested(text.group)]
        others = [text.text for text in block if not is_tested(text.group)]
        _note(model, prompts, [text.text for text in tested], survey.every)
        _note(model, prompts, others, survey.rest)
        seen.update(map(hash, others))
        survey.held_back |= dict.fromkeys(text.text for text in tested if text.is_asked)
    survey.held_back = {text: None for text in survey.held_back if hash(text) not in seen}
    survey.every.ids |= survey.rest.ids
    survey.every.characters |= survey.rest.characters
    return survey


def _note(model: TextModel, prompts: tuple[str, ...], texts: list[str], needs: Needs) -> None:
    from faqtune.model.trim import ids_of

    normaliser = model.tokenizer.backend_tokenizer.normalizer
    for prompt in prompts:
        prompted = model.prompted(texts, prompt)
        for text, ids in zip(prompted, ids_of(model.tokenizer, prompted), strict=True):
            needs.ids.update(ids)
            needs.characters.update(normaliser.normalize_str(text) if normaliser else text)


def _is_tested(workspace: Workspace) -> Callable[[str], bool]:
    """Whether a conversation or source of noise is of the test part; nothing is before the split."""
    if not workspace.split_path.is_file():
        return lambda group: False
    split = workspace.split()
    parts = split.noise | split.conversations
    return lambda group: parts.get(group) == TEST


def _held_back(model: TextModel, survey: Survey, scripts: tuple[str, ...]) -> HeldBack | None:
    from faqtune.model.pieces import kept_ids
    from faqtune.model.trim import cut_of, different_tokens, pieces_in_use, whole

    texts = list(survey.held_back)
    if not texts:
        return None
    content = pieces_in_use(model)
    kept = kept_ids(content, survey.rest.ids, survey.rest.characters, scripts)
    whole_one, cut = whole(model.tokenizer.backend_tokenizer), cut_of(content, kept)
    counts = [
        count
        for block in in_blocks(texts, TEXTS_AT_ONCE)
        for count in different_tokens(whole_one, cut, model.prompted(block, ""))
    ]
    tokens = sum(mine for mine, _ in counts)
    return HeldBack(
        texts=len(texts),
        texts_otherwise=sum(missing > 0 for _, missing in counts) / len(texts),
        tokens=tokens,
        tokens_otherwise=sum(missing for _, missing in counts) / max(1, tokens),
    )


def _origin(kept: int, pieces: int) -> str:
    return (
        f"By faqtune's `trim`: {kept:,} of {pieces:,} pieces of the vocabulary are left. Texts that are made of "
        "these have the vectors that they had; other texts are cut into smaller pieces, and fit less well."
    )


def _parameters(model: TextModel) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _megabytes(folder: Path) -> float:
    """Of the weights, which may be in several files; where a folder has them in two forms, of the first."""
    from faqtune.model.layout import transformer_folder

    for form in WEIGHTS:
        if sizes := [path.stat().st_size for path in transformer_folder(folder).glob(form)]:
            return round(sum(sizes) / 1e6, 1)
    return 0.0
