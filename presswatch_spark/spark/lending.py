"""Lends Python workers the variables by which a hub is asked: a session may be older than they are."""

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from presswatch_spark.storage.hub import ENDPOINT_VARIABLE, TOKEN_VARIABLE
from presswatch_spark.storage.objects import ObjectInfo
from presswatch_spark.storage.uris import scheme_of

if TYPE_CHECKING:
    from pyspark import SparkContext

LENT = (TOKEN_VARIABLE, ENDPOINT_VARIABLE)


def lend_hub(context: "SparkContext", shards: Iterable[ObjectInfo]) -> None:
    """Give workers that begin from now on this process's token and hub, if shards lie on one.

    They go as environment variables: no plan, setting or page of Spark has them. Workers of Spark's own host
    inherit what was set before Java began, and need nothing.
    """
    if not any(scheme_of(shard.uri) == "hf" for shard in shards):
        return
    inherited = context._jvm.java.lang.System.getenv() if context._jvm else {}
    for name in LENT:
        if os.environ.get(name) and os.environ[name] != inherited.get(name):
            context.environment[name] = os.environ[name]
