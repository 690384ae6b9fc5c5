from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from faqtune.report.svg import document, element, number, text


@given(st.text(st.characters(exclude_categories=["Cs"])) | st.text(st.sampled_from("<>&\"'\x00\x1b\ud800\udfff答a")))
def test_any_text_gives_well_formed_xml_that_reads_back_as_text(words: str) -> None:
    image = document(10, 10, words, element("title", words), text(words, 1, 2))
    root = ElementTree.fromstring(image.encode())
    assert [node.tag.rpartition("}")[2] for node in root.iter()] == ["svg", "title", "text"]
    readable = words.replace("\r\n", "\n").replace("\r", "\n")
    shown = root[1].text or ""
    assert len(shown) == len(readable)
    assert all(a == b or a == "\ufffd" for a, b in zip(shown, readable, strict=True))


def test_markup_is_not_escaped_twice_and_text_beside_it_is() -> None:
    inner = element("tspan", "1 < 2")
    assert element("text", inner, "<b>") == Markup("<text><tspan>1 &lt; 2</tspan>&lt;b&gt;</text>")


def test_a_css_class_cannot_be_broken_out_of() -> None:
    assert 'class="a&#34; onload=&#34;x"' in element("g", class_='a" onload="x')


@given(st.floats(-1e6, 1e6))
def test_a_coordinate_is_within_a_twentieth_of_a_pixel(value: float) -> None:
    assert abs(float(number(value)) - value) <= 0.05 + 1e-9
    assert number(value) != "-0"
