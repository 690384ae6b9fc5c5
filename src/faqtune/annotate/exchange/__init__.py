"""Labels of people in the forms of other tools and back: see docs/annotation-files.md."""

from faqtune.annotate.exchange.annotated import Annotated, Known, Unasked
from faqtune.annotate.exchange.forms import FORMS, export, form_of, read, told_form

__all__ = ["FORMS", "Annotated", "Known", "Unasked", "export", "form_of", "read", "told_form"]
