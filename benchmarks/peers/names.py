"""The peers by name, each loaded only when asked for: they live in different environments."""

from __future__ import annotations

import importlib

from benchmarks.peers.base import Peer

_WHERE = {
    "datasketch-lsh-0.5": ("datasketch_lsh", 0.5),
    "datasketch-lsh-0.8": ("datasketch_lsh", 0.8),
    "datasketch-ensemble-0.5": ("datasketch_ensemble", 0.5),
    "datasketch-ensemble-0.8": ("datasketch_ensemble", 0.8),
    "rensa-0.5": ("rensa_lsh", 0.5),
    "rensa-0.8": ("rensa_lsh", 0.8),
    "text-dedup": ("text_dedup_minhash", None),
    "datatrove": ("datatrove_minhash", None),
    "datatrove-decontamination": ("datatrove_decontamination", None),
    "spark-mllib": ("spark_mllib", None),
}
NAMES = tuple(_WHERE)
IN_OUR_ENVIRONMENT = frozenset({"spark-mllib"})
"""Those that run where the project is installed; all others run in `.venv-peers`."""


def peer_of(name: str) -> Peer:
    """Load a peer.

    Raises:
        KeyError: no peer has that name.
        ImportError: it is not installed in this environment.
    """
    module_name, threshold = _WHERE[name]
    module = importlib.import_module(f"benchmarks.peers.{module_name}")
    peer: Peer = module.PEER if threshold is None else module.at(threshold)
    return peer
