"""`faqtune compare`: two models layer by layer, and with data what each layer's change does."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faqtune.alone import alone
from faqtune.commands.mixing.mixture import FORGETTING_BUDGET, source_run
from faqtune.commands.project.models import TUNED, model_place, resolved_name
from faqtune.compare import FrozenCheck, WeightChanges, check_frozen, compare_weights, declared_frozen
from faqtune.errors import UserError
from faqtune.model import resolve
from faqtune.progress import Reporter, Silent
from faqtune.runs import RUN_NAME, Run, find_run
from faqtune.stored import read_json, write_json, write_text
from faqtune.workspace import Workspace

if TYPE_CHECKING:
    from faqtune.commands.mixing.layers import LayersOnData, Selection
    from faqtune.commands.mixing.search import Applied

DATA_NAME, PICTURE_NAME = "compare.json", "compare.svg"


@dataclass(frozen=True, slots=True)
class Compared:
    """Two models, A before and B after. `frozen_ok`: whether every layer that B's recipe froze is bit-identical;
    None where nothing was declared, or A is not what B was trained from. `data` and `applied` (what a search over
    the layers found): where they were asked for."""

    a: str
    b: str
    folder_a: str
    folder_b: str
    frozen_ok: bool | None
    frozen: FrozenCheck | None
    notes: list[str]
    weights: WeightChanges
    data: LayersOnData | None
    applied: Applied | None
    paths: list[str]


def compare_models(
    workspace: Workspace,
    a: str = "",
    b: str = "",
    *,
    data: bool = False,
    apply: bool = False,
    forgetting_budget: float = FORGETTING_BUDGET,
    force: bool = False,
    out: Path | None = None,
    resamples: int = 2000,
    reporter: Reporter | None = None,
) -> Compared:
    """Compare the weights of two models; by default the newest run with its base.

    Models go by the names of every command; no project is needed for two folders. With `data` also what the
    layers do on the selection part, see `commands.mixing.layers`; with `apply` layers that do harm are turned back, see
    `commands.apply`. `compare.json` and the picture `compare.svg` are
    written to `out`, else to the run that B is if A is its base, else nowhere; what was asked for before of models that
    are the same still stays in it. Raises UserError for what is no model, is damaged, or has no tensor in common with
    the other, before anything is written.
    """
    reporter = reporter or Silent()
    if not forgetting_budget >= 0:
        raise UserError(f"{forgetting_budget:g} of AUROC cannot be forgotten", "give --forgetting 0 or more")
    # A mixture that was made before is not searched once more: what it came from is.
    is_of_a_training = apply and not b
    name_b = (
        source_run(workspace, "", reporter.say).name
        if is_of_a_training
        else resolved_name(workspace, b or TUNED, reporter.say)
    )
    run = _run_of(workspace, name_b)
    name_a = resolved_name(workspace, a or (run.base if run else workspace.config().model.base))
    folder_a, folder_b = _folder(workspace, name_a), _folder(workspace, name_b)
    own_run = run if run is not None and folder_a.resolve() == _base_folder(workspace, run) else None
    if apply and own_run is None:
        raise UserError(
            f"--apply wants a run and the model that it was trained from; {name_a} and {name_b} are not that",
            "name no model for the newest run, or `faqtune compare BASE RUN`",
        )
    selected = _selection(workspace) if data else None
    reporter.say(f"comparing {folder_a} and {folder_b}")
    weights = compare_weights(
        folder_a, folder_b, lambda done, total: reporter.advance("million weights compared", done, total)
    )
    on_data = None
    if selected is not None:
        from faqtune.commands.mixing.layers import measure_layers

        on_data = measure_layers(
            workspace, selected, (name_a, name_b), folder_a, weights, resamples=resamples, reporter=reporter
        )
    applied = None
    if apply and own_run is not None:
        from faqtune.commands.apply import apply_layers

        applied = apply_layers(
            workspace, own_run, (folder_a, folder_b), weights, forgetting_budget=forgetting_budget,
            resamples=resamples, force=force, reporter=reporter,
        )  # fmt: skip
    frozen = check_frozen(weights, _declared(own_run)) if own_run else None
    place = out or (own_run.folder if own_run else None)
    compared = Compared(
        a=name_a,
        b=name_b,
        folder_a=str(folder_a),
        folder_b=str(folder_b),
        frozen_ok=frozen.ok if frozen else None,
        frozen=frozen,
        notes=_notes(weights, folder_a, folder_b, place),
        weights=weights,
        data=on_data,
        applied=applied,
        paths=[str(place / name) for name in (DATA_NAME, PICTURE_NAME)] if place else [],
    )
    if place:
        _write(workspace, compared, place)
    return compared


def _selection(workspace: Workspace) -> Selection:
    # Only where data is asked for: it needs torch, the weights do not.
    from faqtune.commands.mixing.layers import selection

    return selection(workspace)


def _run_of(workspace: Workspace, name: str) -> Run | None:
    is_run = Path(name).name == name and (workspace.runs_path / name / RUN_NAME).exists()
    return find_run(workspace, name) if is_run else None


def _folder(workspace: Workspace, name: str) -> Path:
    place = model_place(workspace, name)
    if Path(place).is_dir():
        return Path(place)
    return resolve(place).folder


def _base_folder(workspace: Workspace, run: Run) -> Path | None:
    """None where the base has gone since: then A is another model, and nothing is claimed of it."""
    try:
        return _folder(workspace, run.base).resolve()
    except UserError:
        return None


def _declared(run: Run) -> tuple[str, ...]:
    path = run.folder / "recipe.json"
    recipe = read_json(path, "faqtune train")
    try:
        return declared_frozen(recipe["stages"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"{path} is damaged ({error!r})",
            "run `faqtune train --force` with the --recipe and --set that it was trained with",
        ) from None


def _notes(weights: WeightChanges, folder_a: Path, folder_b: Path, place: Path | None) -> list[str]:
    notes = []
    if folder_a.resolve() == folder_b.resolve():
        notes.append("A and B are the same folder, so that nothing can differ")
    elif not weights.total.changed:
        notes.append("no weight that both models have differs in a single element")
    if weights.total.relative is None:
        notes.append("there are weights that are not numbers: figures that they enter are left out")
    if place is None:
        notes.append("nothing is written, since B is no run that was trained from A: give a folder with --out")
    return notes


@alone
def _write(workspace: Workspace, compared: Compared, place: Path) -> None:
    """The picture first: the data names it."""
    from faqtune.report import heat_map_svg

    content = asdict(compared)
    for name, found in _found_before(place / DATA_NAME, content).items():
        content[name] = content[name] or found
    write_text(place / PICTURE_NAME, heat_map_svg(compared.weights, compared.a, compared.b))
    write_json(place / DATA_NAME, content)


def _found_before(path: Path, content: dict[str, Any]) -> dict[str, Any]:
    """What takes minutes, `data` and `applied`, of an earlier comparison of these models with the same outcome."""
    if not path.exists():
        return {}
    try:
        before = read_json(path, "faqtune compare")
    except UserError:
        return {}  # it is written anew
    is_same = all(before.get(name) == json.loads(json.dumps(content[name])) for name in ("a", "b", "weights"))
    return {name: before.get(name) for name in ("data", "applied")} if is_same else {}
