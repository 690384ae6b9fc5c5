"""Values of a TOML file as a model; what is wrong in people's words, with the nearest valid key."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from faqtune.errors import UserError

Model = TypeVar("Model", bound=BaseModel)

WANTED = {
    "model_type": "a table is wanted here",
    "int_type": "a whole number is wanted here",
    "int_from_float": "a whole number is wanted here",
    "float_type": "a number is wanted here",
    "bool_type": "true or false is wanted here",
    "string_type": "a text in quotation marks is wanted here",
    "list_type": "a list is wanted here",
    "greater_than_equal": "it has to be at least {ge}",
    "greater_than": "it has to be more than {gt}",
    "less_than_equal": "it has to be at most {le}",
    "less_than": "it has to be less than {lt}",
    "finite_number": "it has to be a finite number",
    "literal_error": "it has to be {expected}",
    "string_too_short": "it must not be empty",
    "string_too_long": "it has to have {max_length} characters at most",
    "too_short": "it must not be empty",
    "string_pattern_mismatch": "it is empty, begins with a dot, or has a character that no folder's name can have",
}
"""What a value should have been, by pydantic's name of the error, and with what it knows of it."""

ALSO_CALLED = {"lr": "learning_rate", "batch_size": "batch_queries", "colbert": "multi_vector"}
"""What others call our keys, not spelt alike."""


def validated(
    model: type[Model], data: dict[str, Any], place: str, elsewhere: Mapping[str, str] = MappingProxyType({})
) -> Model:
    """`data` as a `model`. Raises UserError that names `place`, or where `elsewhere` says that a key is from, the key,
    and the nearest valid key."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = _telling(error.errors())
    key = _written(first["loc"])
    place = next((told for said, told in elsewhere.items() if _is_within(key, said) or _is_within(said, key)), place)
    if first["type"] == "extra_forbidden":
        near = _nearest(key, _keys(model))
        raise UserError(
            f"{place}: unknown key `{key}`", f"write `{near}` if that is meant, or remove it" if near else "remove it"
        )
    if first["type"] == "missing":
        raise UserError(f"{place}: there is no `{key}`", "add it")
    mend = _mend(first["type"], first["input"], key)
    raise UserError(f"{place}: `{key}` is {_shown(first['input'])}: {_wanted(first)}", mend)


def _is_within(key: str, other: str) -> bool:
    """Whether a key is another one, or below it: an item of its list, a key of its table."""
    return key == other or key.startswith(f"{other}.")


def _telling(errors: list[ErrorDetails]) -> ErrorDetails:
    """The first; where a key is missing, an unknown one of the same table, which may be that key misspelt."""
    first = errors[0]
    if first["type"] != "missing":
        return first
    unknown = (e for e in errors if e["type"] == "extra_forbidden" and e["loc"][:-1] == first["loc"][:-1])
    return next(unknown, first)


def _wanted(error: ErrorDetails) -> str:
    if error["type"] not in WANTED:
        return error["msg"].removeprefix("Value error, ")
    known = error.get("ctx", {}).items()
    return WANTED[error["type"]].format(**{name: f"{v:g}" if isinstance(v, float) else v for name, v in known})


def _shown(value: Any) -> str:
    """As TOML has it, cut short."""
    return str(value).lower() if isinstance(value, bool) else f"{value!r:.40}"


def _mend(kind: str, value: Any, key: str) -> str:
    """What to do about a value of another type than is wanted."""
    if kind == "list_type" and isinstance(value, dict):
        return f"write [[{key}]], in double brackets"
    if isinstance(value, str) and kind in ("int_type", "float_type", "bool_type"):
        try:
            (written,) = map(type, tomllib.loads(f"x = {value}").values())
        except ValueError:  # no value, or several
            written = str
        if written in {"int_type": (int,), "float_type": (int, float), "bool_type": (bool,)}[kind]:
            return f"write {value} without quotation marks"
    return "mend the value"


def _written(place: tuple[int | str, ...]) -> str:
    """A place as people write it: counted from 1, `stage.1.epochs` as for --set."""
    key = ".".join(str(part + 1 if isinstance(part, int) else part) for part in place)
    return re.sub(r"^stages\.(?=\d)", "stage.", key)


def _nearest(unknown: str, keys: list[str]) -> str:
    """The key of the same table that is spelt most alike, else one of another table, else ""."""
    here, _, name = unknown.rpartition(".")
    name = ALSO_CALLED.get(name, name)
    table = re.sub(r"\.\d+(?=\.|$)", "", re.sub(r"^stage\.(?=\d)", "stages.", here))
    siblings = [key for key in keys if key.rpartition(".")[0] == table]
    for known in (siblings, keys):
        by_name = {key.rpartition(".")[2]: key for key in reversed(known)}
        if near := difflib.get_close_matches(name, by_name, n=1):
            if here and known is siblings:
                return f"{here}.{near[0]}"
            # A key of another table of the same stage; from outside of all stages, of the first.
            stage = re.match(r"stage\.\d+", unknown)
            return re.sub(r"^stages(?=\.)", stage[0] if stage else "stage.1", by_name[near[0]])
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
