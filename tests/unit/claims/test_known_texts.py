"""Known texts: one occurrence is enough, and nothing that cannot be read is passed over."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from presswatch_spark.claims.words import KnownTexts
from presswatch_spark.core.errors import CorruptError, InputError
from presswatch_spark.reading.text.words import word_hashes
from tests.world.corpora import text, write_jsonl


def own(name: str, words: int) -> str:
    """Words that no other text has."""
    return " ".join(f"{name}{k}" for k in range(words))


LAW = own("loi", 60)
ARTICLE = f"{own('avant', 30)} {LAW} {own('après', 20)}"
MARKED = [False] * 30 + [True] * 60 + [False] * 20


@pytest.mark.parametrize("form", ["law.txt", "law.txt.gz", "law.jsonl"])
def test_the_words_of_a_known_text_are_marked_and_no_others(tmp_path: Path, form: str) -> None:
    path = tmp_path / form
    if form.endswith(".jsonl"):
        write_jsonl(path, [{"text": text(9)}, {"text": LAW}])
    else:
        path.write_bytes(gzip.compress(LAW.encode()) if form.endswith(".gz") else LAW.encode())
    known = KnownTexts.load([str(path)])
    assert known.marks(word_hashes(ARTICLE.encode())).tolist() == MARKED
    assert known.texts == (2 if form.endswith(".jsonl") else 1)


def test_eight_words_in_a_row_are_known_and_seven_are_not(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("un deux trois quatre cinq six sept huit", "utf-8")
    (tmp_path / "README.txt").write_text("a folder of texts says what it holds and nothing else", "utf-8")
    known = KnownTexts.load([str(tmp_path)])
    assert known.texts == 1
    eight = word_hashes(b"Un, deux, trois, quatre, cinq, six, sept, huit.")
    assert known.marks(eight).all()
    assert not known.marks(eight[:7]).any()
    assert not known.marks(np.concatenate((eight[1:], eight[:1]))).any()


def test_the_digest_names_the_texts_in_whatever_files_they_are(tmp_path: Path) -> None:
    one, two = tmp_path / "one.txt", tmp_path / "two.jsonl"
    one.write_text(LAW, "utf-8")
    write_jsonl(two, [{"text": LAW}])
    assert KnownTexts.load([str(one)]).digest == KnownTexts.load([str(two), str(one)]).digest
    one.write_text(text(4), "utf-8")
    assert KnownTexts.load([str(one)]).digest != KnownTexts.load([str(two)]).digest
    none = KnownTexts.load([])
    assert (none.texts, none.digest, none.marks(word_hashes(ARTICLE.encode())).any()) == (0, None, False)


def test_a_text_that_is_cut_or_not_utf_8_is_an_error_with_its_place(tmp_path: Path) -> None:
    whole = gzip.compress(LAW.encode())
    (tmp_path / "cut.txt.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CorruptError, match=r"cut\.txt\.gz: the known text cannot be read to its end"):
        KnownTexts.load([str(tmp_path / "cut.txt.gz")])
    (tmp_path / "latin.txt").write_bytes("l'été dernier".encode("latin-1"))
    with pytest.raises(CorruptError, match=r"latin\.txt: byte 0xe9 at 2 is not UTF-8"):
        KnownTexts.load([str(tmp_path / "latin.txt")])
    with pytest.raises(InputError):
        KnownTexts.load([str(tmp_path / "none.txt")])
