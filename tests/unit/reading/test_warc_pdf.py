"""PDF in WARC: an option; what it says is a document, what cannot be read is named or counted."""

from __future__ import annotations

from pathlib import Path

from presswatch_spark.reading.source import ReadOptions
from tests.world.shards import complaints, read
from tests.world.warc import packed_as, page

PDF = "Content-Type: application/pdf"


def pdf(*lines: str) -> bytes:
    """A PDF of one page, its text in a font that every reader has."""
    shown = b" T* ".join(b"(" + line.encode("cp1252") + b") Tj" for line in lines)
    content = b"BT /F1 12 Tf 14 TL 72 720 Td " + shown + b" ET"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(out)
    return out + b"xref\n0 6\n0000000000 65535 f \n" + table + trailer


def saved(folder: Path, *records: bytes) -> Path:
    path = folder / "pdf.warc.gz"
    path.write_bytes(packed_as("record", list(records)))
    return path


def test_a_pdf_is_counted_unless_its_text_is_asked_for(tmp_path: Path) -> None:
    path = saved(tmp_path, page(pdf("La forêt brûlée", "et la maire"), PDF), page(b"<p>suite"))
    found, report = read(path, "warc")
    assert ([document.text for document in found], report.skipped) == ([b"suite"], {"application/pdf": 1})
    found, report = read(path, "warc", ReadOptions(pdf=True))
    assert [document.text.decode().split() for document in found] == [
        ["La", "forêt", "brûlée", "et", "la", "maire"],
        ["suite"],
    ]
    assert str(found[0].locator.extraction).startswith("pypdf ")
    assert str(found[1].locator.extraction).startswith("presswatch page text ")
    assert report.defects_total == 0


def test_a_pdf_shows_itself_whatever_its_type_says(tmp_path: Path) -> None:
    path = saved(tmp_path, page(pdf("Un titre"), "Content-Type: text/html"))
    found, _ = read(path, "warc", ReadOptions(pdf=True))
    assert [document.text.strip() for document in found] == [b"Un titre"]


def test_a_damaged_pdf_is_named_and_costs_nothing_else(tmp_path: Path) -> None:
    whole = pdf("Un titre")
    records = [page(body, PDF) for body in (b"%PDF-1.4 rien", whole[:90], b"%PDF-" + b"<" * 100_000)]
    path = saved(tmp_path, *records, page(b"<p>suite"))
    found, report = read(path, "warc", ReadOptions(pdf=True))
    assert [document.text for document in found] == [b"suite"]
    assert report.defects_total == 3
    assert complaints(report).count("PDF cannot be read") == 3
