"""Worlds that tests build: press, corpora, shards, releases, servers, tables, cases and bags."""
