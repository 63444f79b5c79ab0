"""Places on a site of HTTPS: the states are those of any other site, and a failure of trust is none."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme

from tests.world.release import probe, probes_of, release, states
from tests.world.servers import web


def test_places_on_https_are_followed_and_a_certificate_that_nobody_trusts_removes_nothing(
    tmp_path: Path,
) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    trust = {"storage.ca_bundle": str(tmp_path / "ca.pem")}
    with web(context) as server:
        assert server.url.startswith("https://")
        crawl = release(tmp_path, server)
        case = crawl.open()
        probe(case, crawl)
        assert {(state.state, state.removed) for state in states(case).values()} == {("undecided", False)}
        probe(case, crawl, **trust)
        assert {state.state for state in states(case).values()} == {"present"}
        target, *others = case.targets()
        crawl.overwrite(target, bytes(target.record_length))
        probe(case, crawl, **trust)
        found = states(case)
        same = {each.target_sha256 for each in others if each.record_offset != target.record_offset}
        assert found[target.target_sha256].state == "overwritten"
        assert found[target.target_sha256].removed
        assert {found[each].state for each in same} == {"present"}
        asked = [row for row in probes_of(case) if row.round == 3]
        assert {row.file_uri.partition("://")[0] for row in asked} == {"https"}
