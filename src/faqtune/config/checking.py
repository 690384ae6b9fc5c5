"""Values of a TOML file as a model; what is wrong in people's words, with the nearest valid key."""

from __future__ import annotations

import difflib
import re
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from faqtune.errors import UserError

Model = TypeVar("Model", bound=BaseModel)


def validated(model: type[Model], data: dict[str, Any], place: str) -> Model:
    """`data` as a `model`. Raises UserError that names `place`, the key, and the nearest valid key."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
    key = _written(first["loc"])
    if first["type"] == "extra_forbidden":
        near = _nearest(key, _keys(model))
        raise UserError(
            f"{place}: unknown key `{key}`", f"write `{near}` if that is meant, or remove it" if near else "remove it"
        )
    if first["type"] == "missing":
        raise UserError(f"{place}: there is no `{key}`", "add it")
    wanted = "a table is wanted here" if first["type"] == "model_type" else first["msg"]
    raise UserError(f"{place}: `{key}` is {first['input']!r:.40}: {wanted}", "mend the value")


def _written(place: tuple[int | str, ...]) -> str:
    """A place as people write it: counted from 1, `stage.1.epochs` as for --set."""
    key = ".".join(str(part + 1 if isinstance(part, int) else part) for part in place)
    return re.sub(r"^stages\.(?=\d)", "stage.", key)


def _nearest(unknown: str, keys: list[str]) -> str:
    """The key of the same table that is spelt most alike, else one of another table, else ""."""
    here, _, name = unknown.rpartition(".")
    table = re.sub(r"\.\d+(?=\.|$)", "", re.sub(r"^stage\.(?=\d)", "stages.", here))
    siblings = [key for key in keys if key.rpartition(".")[0] == table]
    for known in (siblings, keys):
        by_name = {key.rpartition(".")[2]: key for key in reversed(known)}
        if near := difflib.get_close_matches(name, by_name, n=1):
            if here and known is siblings:
                return f"{here}.{near[0]}"
            # A key of another table of the same stage.
            stage = re.match(r"stage\.\d+", unknown)
            return re.sub(r"^stages(?=\.)", stage[0], by_name[near[0]]) if stage else by_name[near[0]]
    return ""


def _keys(model: type[BaseModel], table: str = "") -> list[str]:
    """Every key of a model, and every table, with its tables in front: "catalogue", "catalogue.files"."""
    keys: list[str] = []
    for name, info in model.model_fields.items():
        keys.append(f"{table}{name}")
        for kind in (info.annotation, *get_args(info.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                keys += _keys(kind, f"{table}{name}.")
    return keys
