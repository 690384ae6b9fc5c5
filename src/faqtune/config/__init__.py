"""What the user decided: `faqtune.toml`. Unknown keys are refused with the nearest valid name."""

from faqtune.config.checking import validated
from faqtune.config.reading import load_config
from faqtune.config.schema import (
    CONFIG_NAME,
    AnnotateConfig,
    CatalogueConfig,
    Config,
    ConversationsConfig,
    GoldConfig,
    LabelConfig,
    LlmConfig,
    ModelConfig,
    NoiseConfig,
    PairsConfig,
    Section,
    SplitConfig,
    TrainConfig,
)
from faqtune.config.toml_text import toml_of
from faqtune.config.writing import toml_value, with_value

__all__ = [
    "CONFIG_NAME",
    "AnnotateConfig",
    "CatalogueConfig",
    "Config",
    "ConversationsConfig",
    "GoldConfig",
    "LabelConfig",
    "LlmConfig",
    "ModelConfig",
    "NoiseConfig",
    "PairsConfig",
    "Section",
    "SplitConfig",
    "TrainConfig",
    "load_config",
    "toml_of",
    "toml_value",
    "validated",
    "with_value",
]
