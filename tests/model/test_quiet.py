from __future__ import annotations

import logging
import os
import signal

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers.utils import logging as transformers_logging

from faqtune.model.quiet import PARALLELISM, quiet_transformers, settle_tokenizer_forks


def test_only_the_load_report_is_silenced():
    heard: list[str] = []
    log = logging.getLogger("transformers.modeling_utils")
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    log.addHandler(handler)
    try:
        with quiet_transformers():
            log.warning("XLMRobertaModel LOAD REPORT from: x")
            log.warning("Some weights of XLMRobertaModel were not initialized")
            log.warning("the attention mask is missing")
        log.warning("XLMRobertaModel LOAD REPORT from: y")
    finally:
        log.removeHandler(handler)
    assert heard == ["the attention mask is missing", "XLMRobertaModel LOAD REPORT from: y"]


def test_progress_bars_come_back_even_after_an_error():
    transformers_logging.enable_progress_bar()
    with pytest.raises(KeyError), quiet_transformers():
        assert not transformers_logging.is_progress_bar_enabled()
        raise KeyError
    assert transformers_logging.is_progress_bar_enabled()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_gives_no_warning_and_a_child_that_is_serial(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.delenv(PARALLELISM, raising=False)
    settle_tokenizer_forks()
    tokenizer = Tokenizer(WordLevel({"a": 0}, unk_token="a"))
    tokenizer.encode_batch(["a"] * 100)
    child = os.fork()
    if not child:
        signal.alarm(20)  # A child that is not serial waits for threads it does not have.
        try:
            tokenizer.encode_batch(["a"] * 100)
        finally:
            os._exit(0 if os.environ[PARALLELISM] == "false" else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert os.environ[PARALLELISM] == "true"
    assert capfd.readouterr().err == ""
