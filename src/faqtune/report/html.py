"""The report as one HTML page that needs no network and lets nothing in.

Its Content-Security-Policy names the digests of its one style sheet and its one script: text that
got into the page as markup could neither run nor be styled nor load anything.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from faqtune.report.article import article
from faqtune.report.data import RunReport
from faqtune.report.island import island
from faqtune.report.limits import clipped
from faqtune.report.svg import printable
from faqtune.report.theme import page_css, page_script


def report_html(report: RunReport) -> str:
    """The whole page, in Chinese and English; text of the user's data is never taken for markup."""
    style, script = page_css(), page_script()
    page = _environment().get_template("page.html")
    return printable(
        page.render(
            articles=[article(report, language) for language in ("zh", "en")],
            default=report.language,
            heading=clipped(report.run.name or report.comparison.after.model),
            style=Markup(style),
            script=Markup(script),
            data=island(report.details),
            policy=(
                f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
                "base-uri 'none'; form-action 'none'"
            ),
        )
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("faqtune.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _digest(content: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"
