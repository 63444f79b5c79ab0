"""Whether policies of IAM allow a call, as far as those of conf/aws/presswatch.yaml go."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

# What calls are named in policies, where that is not the name of the call.
ACTIONS = {
    ("s3", "HeadObject"): "s3:GetObject",
    ("s3", "ListObjectsV2"): "s3:ListBucket",
    ("s3", "DeleteObjects"): "s3:DeleteObject",
    ("s3", "CopyObject"): "s3:PutObject",
    ("s3", "CreateMultipartUpload"): "s3:PutObject",
    ("s3", "UploadPart"): "s3:PutObject",
    ("s3", "CompleteMultipartUpload"): "s3:PutObject",
}
PREFIXES = {"emr": "elasticmapreduce"}


def action_of(call: Mapping[str, str]) -> str:
    """The action of IAM that a recorded call needs."""
    service, operation = call["service"], call["operation"]
    return ACTIONS.get((service, operation), f"{PREFIXES.get(service, service)}:{operation}")


def allows(policy: Mapping[str, Any], call: Mapping[str, str]) -> bool:
    """Whether one of the policy's statements allows the call, by action, and of S3 by resource and prefix."""
    action = action_of(call)
    return any(action in statement["Action"] and _meets(statement, call) for statement in policy["Statement"])


def actions(policy: Mapping[str, Any]) -> Iterator[str]:
    """All that a policy allows."""
    for statement in policy["Statement"]:
        yield from statement["Action"]


def _meets(statement: Mapping[str, Any], call: Mapping[str, str]) -> bool:
    if call["service"] != "s3":
        return True
    name = f"arn:aws:s3:::{call['bucket']}" + (f"/{call['key']}" if "key" in call else "")
    prefixes = statement.get("Condition", {}).get("StringLike", {}).get("s3:prefix", ["*"])
    named = any(fnmatchcase(name, resource) for resource in statement["Resource"])
    return named and any(fnmatchcase(call.get("prefix", ""), prefix) for prefix in prefixes)
