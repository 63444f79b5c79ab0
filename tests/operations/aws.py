"""`aws SERVICE OPERATION --option …`: the commands of AWS that docs/how-to/operations.md uses, by boto3.

Options, their spelling and their types come from botocore's models, as they do in the real one.
"""

import json
import sys
from pathlib import Path
from typing import Any

import boto3
import jmespath
from botocore import xform_name

from tests.operations import stacks

SERVICES = {"s3api": "s3"}
OURS = ("query", "output")
# Options that the real one calls otherwise, since their names were taken.
RENAMED = {"notification-endpoint": "endpoint"}
KINDS = {"integer": int, "long": int, "double": float, "float": float}


def main(service: str, operation: str, *words: str) -> None:
    client = boto3.client(SERVICES.get(service, service))
    method = operation.replace("-", "_")
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method]).input_shape
    members = {xform_name(name, "-"): (name, member) for name, member in shape.members.items()}
    parameters, ours = {}, {}
    for option, text in zip(words[::2], words[1::2], strict=True):
        name = option.removeprefix("--")
        if name in OURS:
            ours[name] = text
        else:
            field, member = members[RENAMED.get(name, name)]
            parameters[field] = value(text, member)
    reply = getattr(client, method)(**parameters)
    reply.pop("ResponseMetadata")
    found = jmespath.search(ours.get("query", "@"), reply)
    sys.stdout.write(f"{found if ours.get('output') == 'text' else json.dumps(found, default=str)}\n")


def deploy(*words: str) -> None:
    """`aws cloudformation deploy`, which is no call of the API; parameters come last."""
    options = dict(zip(words[:6:2], words[1:6:2], strict=True))
    assert Path(options.pop("--template-file")).samefile(stacks.TEMPLATE)
    name = options.pop("--stack-name")
    assert options == {"--capabilities": "CAPABILITY_IAM"}
    assert words[6] == "--parameter-overrides"
    given = dict(word.split("=", 1) for word in words[7:])
    # moto denies what a policy denies without looking at its condition.
    stacks.deploy(given, name, without=["BucketPolicy"])


def value(text: str, shape: Any) -> Any:
    """What `text` stands for: a file, JSON, or shorthand (`a=1,b=2`)."""
    if text.startswith("file://"):
        text = Path(text.removeprefix("file://")).read_text(encoding="utf-8")
        return text if shape.type_name == "string" else json.loads(text)
    if shape.type_name == "structure":
        fields = dict(part.split("=", 1) for part in text.split(","))
        return {name: value(part, shape.members[name]) for name, part in fields.items()}
    if shape.type_name == "list":
        # Several structures would be several words; here, there is one.
        parts = [text] if shape.member.type_name == "structure" else text.split(",")
        return [value(part, shape.member) for part in parts]
    if shape.type_name == "boolean":
        return text == "true"
    return KINDS.get(shape.type_name, str)(text)


if __name__ == "__main__":
    if sys.argv[1:3] == ["cloudformation", "deploy"]:
        deploy(*sys.argv[3:])
    else:
        main(*sys.argv[1:])
