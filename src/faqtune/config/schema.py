"""The tables of `faqtune.toml`, with every key's default and meaning."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

CONFIG_NAME = "faqtune.toml"


class Section(BaseModel):
    """A table of a TOML file. Unknown keys are refused, and values of another type; an integer is a number, too."""

    model_config = ConfigDict(extra="forbid", strict=True)


class CatalogueConfig(Section):
    files: list[str] = Field(default=[], title="Spreadsheets, CSV files or parsed_data.json with the reference Q&A")
    sheets: list[str] = Field(
        default=[], title="Sheets to read; empty: every sheet with a question and an answer column"
    )
    question_columns: list[str] = Field(default=[], title="Headers of the question columns; empty: guessed")
    answer_column: str = Field(default="", title="Header of the answer column; empty: guessed")
    category_column: str = Field(default="", title="Header of the category column; empty: guessed")
    id_column: str = Field(
        default="", title="Header of a column with stable ids; empty: guessed, or made from the first question"
    )
    header_row: int = Field(default=0, ge=0, title="Row of the header, from 1; 0: guessed per sheet")
    skip_empty: bool = Field(default=False, title="Leave rows without an answer out instead of stopping")


class ConversationsConfig(Section):
    files: list[str] = Field(default=[], title="Chat logs: files or folders of files")
    session_column: str = Field(default="", title="Column or key of the session id; empty: guessed")
    role_column: str = Field(default="", title="Column or key of who wrote; empty: guessed")
    text_column: str = Field(default="", title="Column or key of the text; empty: guessed")
    time_column: str = Field(default="", title="Column or key of the time; empty: guessed")
    customer_roles: list[str] = Field(
        default=[], title="Values of the role column that mean the customer; empty: guessed"
    )
    agent_roles: list[str] = Field(default=[], title="Values of the role column that mean the agent; empty: guessed")
    system_phrases: list[str] = Field(
        default=[], title="Further phrases that are not language, stripped from every turn"
    )


class NoiseConfig(Section):
    files: list[str] = Field(
        default=[], title="Everyday chatter: modified_daily_datasets.json or one sentence per line"
    )
    other_domain_files: list[str] = Field(
        default=[], title="Another company's questions: never trained on, they show how the unknown is rejected"
    )
    unsupported_files: list[str] = Field(default=[], title="Questions of your own domain that no entry answers")
    garbage_files: list[str] = Field(default=[], title="Garbage and very short texts; without, some are generated")


class GoldConfig(Section):
    files: list[str] = Field(default=[], title="Hand labels: JSONL with query, conversation, turn, entry, reason")
    catalogue: str = Field(
        default="", title="catalogue.json that the labels' entry ids come from, if it is another one"
    )


class PairsConfig(Section):
    files: list[str] = Field(
        default=[],
        title="Labelled pairs that people made, to train on: annonated_dataset.json or FlagEmbedding JSONL",
    )
    generated_files: list[str] = Field(default=[], title="The same made by a program, such as answer2problem.json")
    generated_confidence: float = Field(
        default=0.6, ge=0, le=1, title="How sure a pair of those is, as a label of training"
    )


class ModelConfig(Section):
    base: str = Field(default="BAAI/bge-m3", title="builtin, a hub name, or a folder")
    max_length_tokens: int = Field(default=128, ge=8, le=8192, title="Longer texts are cut")
    prompt: str | None = Field(default=None, title="Text put before every sentence; unset: the model's own")
    pooling: Literal["", "cls", "mean"] = Field(
        default="", title="How a text's vector is made of its tokens'; empty: as the model's folder says"
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto",
        title="Number format of training and labelling; auto: what the device is good at. "
        "Measuring and matching always take float32",
    )


class LabelConfig(Section):
    reply_threshold: float | None = Field(
        default=None, ge=-1, le=1, title="Least cosine of reply and answer; unset: set from the data"
    )
    query_top: int = Field(
        default=5,
        ge=0,
        title="The entry must be among the query's own best so many, at most a quarter of all; 0: not asked",
    )
    max_prefix_turns: int = Field(default=3, ge=1, title="Customer turns that may accumulate into one query")
    prefix: Literal["", "shortest", "surest", "whole"] = Field(
        default="",
        title="Which turns are the query: the fewest that find the entry, that rank it best, or all; empty: shortest, "
        "or whole where query_top is 0",
    )


class AnnotateConfig(Section):
    uncertain: float = Field(default=0.3, ge=0, title="How often the next item is one the model is unsure of")
    disagreeing: float = Field(default=0.2, ge=0, title="How often one on which rules, model or LLM disagree")
    diverse: float = Field(default=0.15, ge=0, title="How often one of a topic that nobody has seen yet")
    uncovered: float = Field(default=0.1, ge=0, title="How often one about an entry with few labels")
    doubtful: float = Field(default=0.1, ge=0, title="How often one whose label is probably wrong")
    random: float = Field(default=0.15, ge=0, title="How often one by chance: only these give unbiased estimates")
    second_share: float = Field(default=0.1, ge=0, le=1, title="Share of items that several people answer")
    opinions: int = Field(default=2, ge=2, le=10, title="How many people answer those")
    audit_share: float = Field(
        default=0.1, ge=0, le=1, title="Share of items with hidden scores and shuffled candidates"
    )
    most_queries: int = Field(default=10_000, ge=1, title="Larger logs are annotated from a fair sample of so many")
    lease_minutes: float = Field(default=15, gt=0, title="How long an item is kept for the person who has it")
    recipe: str = Field(default="default", title="How to tune from the page: a preset or the path of a TOML file")


class SplitConfig(Section):
    seed: int = Field(default=0, ge=0)
    selection: float = Field(
        default=0.15, ge=0.0, lt=1.0, title="Share of conversations and noise for choosing the model"
    )
    calibration: float = Field(default=0.15, ge=0.0, lt=1.0, title="Share for setting thresholds")
    test: float = Field(default=0.2, ge=0.0, lt=1.0, title="Share for the scorecard")
    human_labels_for_training: float = Field(
        default=0.0,
        ge=0.0,
        le=1.0,
        title="Share of the hand-labelled conversations that train; the others are the test",
    )
    held_out_entries: float = Field(default=0.1, ge=0.0, lt=1.0, title="Share of entries taken out as near noise")


class TrainConfig(Section):
    recipe: str = Field(default="default", title="Name of a preset or path of a TOML file")
    keep_checkpoints: bool = Field(default=False, title="Keep the checkpoints of a training that is done")


class LlmConfig(Section):
    address: str = Field(default="", title="OpenAI-compatible server, e.g. http://127.0.0.1:8000/v1; empty: none")
    model: str = Field(default="", title="Name of the language model, as the server calls it")
    key_variable: str = Field(
        default="FAQTUNE_LLM_KEY", title="Environment variable that holds the key; never the key itself"
    )
    trusted: bool = Field(
        default=False, title="The server is your own: nothing is masked; otherwise only on this machine"
    )
    language: Literal["", "zh", "en"] = Field(default="", title="Language of the prompts; empty: the catalogue's")
    top_k: int = Field(default=8, ge=1, le=30, title="Entries offered per query, besides those that the reply finds")
    votes: int = Field(default=3, ge=1, le=15, title="How often each query is asked, its entries in another order")
    logprobs: bool = Field(default=False, title="Weigh votes by the server's log-probabilities, where it gives them")
    temperature: float | None = Field(default=0.0, ge=0, le=2, title="Of the model's answers")
    confident: float = Field(
        default=0.6, ge=0, le=1, title="Queries that the rules label at least so surely are not asked"
    )
    check_human: int = Field(
        default=100, ge=0, title="So many queries that people labelled are asked too, to see how right the model is"
    )
    concurrency: int = Field(default=4, ge=1, le=256, title="Requests on their way at once")
    requests_per_minute: int = Field(default=0, ge=0, title="0: no limit")
    tokens_per_minute: int = Field(default=0, ge=0, title="0: no limit")
    timeout_seconds: float = Field(default=60.0, gt=0, title="A request that takes longer has failed")
    tries: int = Field(default=5, ge=1, le=20, title="Tries per request, with longer and longer pauses")
    most_answer_tokens: int = Field(
        default=300, ge=0, title="Longer answers are cut off and fail; more for models that think; 0: not said"
    )
    extra: dict[str, Any] = Field(default={}, title="Further fields of every request, as the server's documents say")
    price_read: float = Field(default=0.0, ge=0, title="Price of a million tokens read")
    price_written: float = Field(default=0.0, ge=0, title="Price of a million tokens written")
    currency: str = Field(default="", title="Of the prices, for what is shown")
    budget: float = Field(default=0.0, ge=0, title="Most that one run may cost; 0: no limit")
    images: bool = Field(default=False, title="The model sees pictures: those of the logs go along")
    image_folder: str = Field(default="", title="Folder of the pictures that logs name as files")
    image_hosts: list[str] = Field(default=[], title="Hosts whose pictures the model's server may fetch")
    most_image_megabytes: float = Field(default=5.0, gt=0, title="Larger pictures do not go along")
    paraphrases: int = Field(default=8, ge=0, le=30, title="`faqtune write`: texts per entry with few labels")
    near_noise: int = Field(default=4, ge=0, le=30, title="`faqtune write`: near questions per entry, not for it")
    few_labels: int = Field(default=5, ge=0, title="`faqtune write`: entries with fewer labels get paraphrases")
    use_synthetic: bool = Field(default=False, title="Train on synthetic.jsonl too; nothing is measured on it")


class Config(Section):
    catalogue: CatalogueConfig = CatalogueConfig()
    conversations: ConversationsConfig = ConversationsConfig()
    noise: NoiseConfig = NoiseConfig()
    gold: GoldConfig = GoldConfig()
    pairs: PairsConfig = PairsConfig()
    model: ModelConfig = ModelConfig()
    label: LabelConfig = LabelConfig()
    annotate: AnnotateConfig = AnnotateConfig()
    split: SplitConfig = SplitConfig()
    train: TrainConfig = TrainConfig()
    llm: LlmConfig = LlmConfig()
