"""`faqtune labels --learning-curve`: trainings with less and less of the hand labels, to see what they have brought."""

from __future__ import annotations

from faqtune.alone import alone
from faqtune.annotate.tuned import Learned, learned
from faqtune.commands.project.assemble import Project, load_project
from faqtune.commands.project.models import resolved_name
from faqtune.commands.split import make_split
from faqtune.commands.train import train_model
from faqtune.commands.training.learning import kept_points, refresh_points
from faqtune.errors import UserError
from faqtune.progress import Reporter, Silent
from faqtune.records import TRAIN, content_id
from faqtune.workspace import Workspace

SHARES = (0.0, 0.25, 0.5, 1.0)
LEAST_LABELS = 8
"""Fewer have no quarters to speak of."""
RECIPE = "quick"


@alone
def make_learning_curve(workspace: Workspace, *, recipe: str = "", reporter: Reporter | None = None) -> Learned:
    """Train the project's base model with none, a quarter, half and all of the hand labels that train.

    The subsets are nested and drawn by chance; what the rules or a language model say of a query whose hand label is
    left out counts again, as it did before. All are chosen and measured on the same selection part, none sees the
    test part. The runs are kept aside: none becomes the current model. The same call again trains only what is
    missing. Raises UserError where too few hand labels train, Interrupted after Ctrl-C.
    """
    reporter = reporter or Silent()
    make_split(workspace)
    ordered = training_hand_labels(load_project(workspace))
    if len(ordered) < LEAST_LABELS:
        raise UserError(
            f"{len(ordered)} hand labels train: a learning curve takes at least {LEAST_LABELS}",
            "annotate more, or raise human_labels_for_training under [split] in faqtune.toml",
        )
    base = resolved_name(workspace, workspace.config().model.base)
    for number, amount in enumerate(amounts_of(len(ordered)), start=1):
        reporter.say(f"training {number} of {len(SHARES)}: {amount} of {len(ordered)} hand labels")
        train_model(
            workspace, recipe=recipe or RECIPE, base=base, without=frozenset(ordered[amount:]), reporter=reporter
        )
    refresh_points(workspace, reporter)
    return learned(kept_points(workspace))


def amounts_of(labels: int) -> list[int]:
    """How many hand labels each training has."""
    return [round(labels * share) for share in SHARES]


def training_hand_labels(project: Project) -> list[str]:
    """Queries of the training part with a label by people, in an order by chance that further labels only add to."""
    found = [
        query.id
        for query in project.queries
        if (decision := project.decisions.get(query.id)) is not None
        and decision.is_human
        and project.split.conversations.get(query.conversation) == TRAIN
    ]
    return sorted(found, key=lambda query: content_id("learning curve", query, str(project.split.seed)))
