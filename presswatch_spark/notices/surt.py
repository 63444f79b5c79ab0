"""SURT prefixes of sites: the form in which crawlers and their indexes sort hosts, the last label first.

journal.example       example,journal)/        the host itself
                      example,journal,         all hosts below it
journal.example/eco/  example,journal)/eco/    a folder of it
"""

from collections.abc import Iterator


def prefixes(site: str) -> Iterator[tuple[str, str]]:
    """Yield the SURT prefixes of a host or of `host/path/`, each with what it covers.

    The second is `host`, `subdomains` or `folder`. Hosts are ASCII: an international name is in Punycode.
    """
    host, slash, path = site.partition("/")
    labels = ",".join(reversed(host.removeprefix("www.").split(".")))
    if slash and path:
        yield f"{labels})/{path}", "folder"
        return
    yield f"{labels})/", "host"
    yield f"{labels},", "subdomains"
