"""The template of CloudFormation, and stacks of it at moto's.

moto knows some kinds of resources; `resources` makes the others.
"""

from __future__ import annotations

import json
import re
from ast import literal_eval
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import cache
from typing import Any

import boto3
import yaml
from botocore.exceptions import ClientError

from tests.conftest import ROOT

TEMPLATE = ROOT / "conf" / "aws" / "presswatch.yaml"
STACK = "presswatch"
ACCOUNT, REGION = "123456789012", "us-east-1"
LABEL = "emr-7.9.0"  # moto knows no emr-spark-8.0.0


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms of functions."""


def _function(loader: yaml.SafeLoader, name: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_scalar(node)
        value = value.split(".", 1) if name == "GetAtt" else value
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _function)


def template() -> dict[str, Any]:
    """The template, with functions in their long forms; a copy, which may be changed."""
    return deepcopy(_parsed())


@cache
def _parsed() -> dict[str, Any]:
    """The template as it was parsed, once a process: that takes longer than most of what asks for it."""
    loaded: dict[str, Any] = yaml.load(TEMPLATE.read_text(encoding="utf-8"), _Loader)
    return loaded


def refused(given: Mapping[str, str]) -> list[str]:
    """Parameters that CloudFormation would refuse: those that are none, and those of values not allowed."""
    known = template()["Parameters"]
    return [name for name, value in given.items() if name not in known or not _allowed(known[name], value)]


def _allowed(parameter: Mapping[str, Any], value: str) -> bool:
    if parameter["Type"] == "Number":
        return parameter["MinValue"] <= float(value) <= parameter.get("MaxValue", float("inf"))
    pattern, values = parameter.get("AllowedPattern", ".*"), parameter.get("AllowedValues", [value])
    return value in values and re.fullmatch(pattern, value) is not None


def deploy(given: Mapping[str, str], name: str = STACK, without: Sequence[str] = ()) -> dict[str, str]:
    """Make the stack, or bring it to other parameters, as `aws cloudformation deploy` does; its outputs.

    Args:
        given: parameters; the others are those of the stack as it is, or their defaults.
        without: resources to leave out, by their names in the template.
    """
    if wrong := refused(given):
        raise ValueError(f"refused: {', '.join(wrong)}")
    client = boto3.client("cloudformation", region_name=REGION)
    known = template()["Parameters"]
    try:
        (stack,) = client.describe_stacks(StackName=name)["Stacks"]
    except ClientError:
        before = {key: str(each["Default"]) for key, each in known.items() if "Default" in each}
        put = client.create_stack
    else:
        before = {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}
        # moto says of lists how Python writes them.
        lists = [key for key in before if known[key]["Type"] == "CommaDelimitedList"]
        before |= {key: ",".join(literal_eval(before[key])) for key in lists}
        put = client.update_stack
    parameters = before | dict(given)
    put(
        StackName=name,
        TemplateBody=json.dumps(_at_moto(name, parameters, without)),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    return outputs(name)


def outputs(name: str = STACK) -> dict[str, str]:
    """What a stack says of itself."""
    (stack,) = boto3.client("cloudformation", region_name=REGION).describe_stacks(StackName=name)["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


def _at_moto(name: str, parameters: Mapping[str, str], without: Sequence[str]) -> dict[str, Any]:
    """The template as moto can take it.

    moto forgets conditions when a stack changes, and takes a machine's definition as text only.
    """
    # It takes longer to import than all else that these tests need.
    from tests.operations.resources import parsing

    made = template()
    known = parsing.ResourceMap("", name, dict(parameters), {}, REGION, ACCOUNT, made, None)
    known.load()
    for part in ("Resources", "Outputs"):
        made[part] = {
            key: each
            for key, each in made[part].items()
            if key not in without and known.lazy_condition_map.get(each.get("Condition"), True)
        }
    if machine := made["Resources"].get("Machine"):
        properties = machine["Properties"]
        properties["DefinitionString"] = {"Fn::ToJsonString": properties.pop("Definition")}
    return made


def uncapitalised(value: Any) -> Any:
    """Fields as EMR Serverless's own API names them: CloudFormation and machines begin them with capitals."""
    if isinstance(value, dict):
        foreign = ("Properties", "Tags")
        return {
            key[0].lower() + key[1:]: below if key in foreign else uncapitalised(below)
            for key, below in value.items()
        }
    return [uncapitalised(each) for each in value] if isinstance(value, list) else value


def policies(name: str = STACK) -> dict[str, dict[str, Any]]:
    """The policies of a stack, by the resources that have them."""
    iam = boto3.client("iam", region_name=REGION)
    listed = boto3.client("cloudformation", region_name=REGION).list_stack_resources(StackName=name)
    found = {}
    for resource in listed["StackResourceSummaries"]:
        logical, physical = resource["LogicalResourceId"], resource["PhysicalResourceId"]
        if resource["ResourceType"] == "AWS::IAM::Role":
            policy = iam.get_role_policy(RoleName=physical, PolicyName="presswatch")
            # moto gives the text that Python makes of it.
            found[logical] = literal_eval(policy["PolicyDocument"])
        elif resource["ResourceType"] == "AWS::IAM::ManagedPolicy":
            version = iam.get_policy_version(PolicyArn=physical, VersionId="v1")
            found[logical] = version["PolicyVersion"]["Document"]
    return found
