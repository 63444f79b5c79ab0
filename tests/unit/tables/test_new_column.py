"""A new column of `claims` is one line in its declaration: schema, type, page, catalog and views follow."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from presswatch_spark.tables import declarations
from presswatch_spark.tables.declarations import Claim
from tests.conftest import ROOT

BEFORE = '    as_of: str = column("The day'
LINE = '    lawyer: str | None = column("Who takes care of it; null if nobody does.")\n'

PROGRAM = """
import json, sys, types
from pathlib import Path

folder, source, before, line = sys.argv[1:]
text = Path(source).read_text(encoding="utf-8")
assert text.count(before) == 1
module = types.ModuleType("presswatch_spark.tables.declarations")
exec(compile(text.replace(before, line + before), source, "exec"), vars(module))
sys.modules[module.__name__] = module

import presswatch_spark.tables as package
package.declarations = module
from presswatch_spark import api
from presswatch_spark.tables.catalog.ddl import table_statement
from presswatch_spark.tables.store import TableStore
from tests.world import documents
from tests.world.tables import publish, match, row_of, write

row = module.Claim(**row_of(module.Claim, run_id="r1", row_sha256="0" * 64, lawyer="Me Rivage"))
try:
    module.Claim(**{name: value for name, value in row.as_dict().items() if name != "lawyer"})
    missing = ""
except TypeError as error:
    missing = str(error)
tables = Path(folder) / "tables"
publish(tables, "r1", [match("a", "https://page.example/", row_sha256="0" * 64)])
store = TableStore.open(str(tables))
made = row_of(module.Derivation, run_id="d1", table="claims", made_of=["r1"], rows=1)
write(store, "derivations", "d1", [made], module.Derivation.schema)
write(store, "claims", "d1", [row.as_dict()], module.Claim.schema)
opened = api.open_tables(str(tables))
(read,) = module.Claim.from_batches(opened.read("claims"))
print(json.dumps({
    "schema": [module.Claim.schema.names, module.SCHEMAS["claims_before"].names],
    "missing": missing,
    "read": read.lawyer,
    "view": opened.sql("select lawyer from claimed").to_pylist(),
    "catalog": table_statement("claims", "s3://bucket", "press").count("`lawyer` string COMMENT"),
    "page": [each for each in documents.family("tables").splitlines() if each.startswith("| `lawyer`")],
}))
"""


def test_schema_type_view_catalog_and_page_have_the_column(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), str(declarations.__file__), BEFORE, LINE]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    names = list(Claim.schema.names)
    names.insert(names.index("as_of"), "lawyer")
    assert json.loads(done.stdout) == {
        "schema": [names, names],
        "missing": "Claim takes each of its columns once: lawyer",
        "read": "Me Rivage",
        "view": [{"lawyer": "Me Rivage"}],
        "catalog": 1,
        "page": ["| `lawyer` | Who takes care of it; null if nobody does | may be null |"],
    }
