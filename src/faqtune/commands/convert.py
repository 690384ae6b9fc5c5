"""`faqtune convert`: between the legacy forms and FlagEmbedding JSONL."""

from faqtune.ingest import ConvertReport, convert

__all__ = ["ConvertReport", "convert"]
