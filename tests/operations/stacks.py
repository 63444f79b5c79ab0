"""The template of CloudFormation, and stacks of it at moto's.

moto knows some kinds of resources. The others are made here as CloudFormation makes them, by calls of boto3
with the template's own properties: botocore refuses what is no property of theirs.
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
from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel

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


class _Made:
    """A resource of a `kind` that CloudFormation makes by calls of the service, in `make`."""

    kind: str

    def __init__(self, physical: str, arn: str = "") -> None:
        self.physical_resource_id = self.name = physical
        self.arn = arn

    @classmethod
    def cloudformation_type(cls) -> str:
        return cls.kind

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr == "Arn"

    def get_cfn_attribute(self, attribute: str) -> str:
        return {"Arn": self.arn}[attribute]

    @classmethod
    def change(cls, properties: Any) -> None:
        raise NotImplementedError(f"{cls.__name__} cannot be changed here")

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, *_: Any, **__: Any
    ) -> Any:
        return cls.make(resource_name, cloudformation_json["Properties"])

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource: Any, new_resource_name: str, cloudformation_json: Any, *_: Any, **__: Any
    ) -> Any:
        cls.change(cloudformation_json["Properties"])
        return original_resource


class Application(_Made, CloudFormationModel):
    kind = "AWS::EMRServerless::Application"

    @classmethod
    def make(cls, name: str, properties: Any) -> Application:
        made = boto3.client("emr-serverless").create_application(**uncapitalised(properties))
        return cls(made["applicationId"], made["arn"])

    def delete(self, *_: str) -> None:
        client = boto3.client("emr-serverless")
        client.stop_application(applicationId=self.name)
        client.delete_application(applicationId=self.name)


class Bucket(_Made, CloudFormationModel):
    kind = "AWS::S3::Bucket"

    @classmethod
    def make(cls, name: str, properties: Any) -> Bucket:
        client = boto3.client("s3")
        name = properties["BucketName"]
        client.create_bucket(Bucket=name)
        client.put_bucket_versioning(
            Bucket=name, VersioningConfiguration=properties["VersioningConfiguration"]
        )
        client.put_public_access_block(
            Bucket=name, PublicAccessBlockConfiguration=properties["PublicAccessBlockConfiguration"]
        )
        client.put_bucket_ownership_controls(Bucket=name, OwnershipControls=properties["OwnershipControls"])
        (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        encryption = {"ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"]}
        client.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [encryption]})
        rules = [_lifecycle_rule(dict(rule)) for rule in properties["LifecycleConfiguration"]["Rules"]]
        client.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})
        return cls(name, f"arn:aws:s3:::{name}")


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule as S3's own API has it."""
    made = {"ID": rule.pop("Id"), "Filter": {"Prefix": rule.pop("Prefix", "")}}
    if "ExpirationInDays" in rule:
        made["Expiration"] = {"Days": rule.pop("ExpirationInDays")}
    elif "ExpiredObjectDeleteMarker" in rule:
        made["Expiration"] = {"ExpiredObjectDeleteMarker": rule.pop("ExpiredObjectDeleteMarker")}
    return made | rule


class BucketPolicy(_Made, CloudFormationModel):
    kind = "AWS::S3::BucketPolicy"

    @classmethod
    def make(cls, name: str, properties: Any) -> BucketPolicy:
        document = json.dumps(properties["PolicyDocument"])
        boto3.client("s3").put_bucket_policy(Bucket=properties["Bucket"], Policy=document)
        return cls(properties["Bucket"])


class Subscription(_Made, CloudFormationModel):
    kind = "AWS::SNS::Subscription"

    @classmethod
    def make(cls, name: str, properties: Any) -> Subscription:
        return cls(boto3.client("sns").subscribe(**properties, ReturnSubscriptionArn=True)["SubscriptionArn"])

    def delete(self, *_: str) -> None:
        boto3.client("sns").unsubscribe(SubscriptionArn=self.name)


class Alarm(_Made, CloudFormationModel):
    kind = "AWS::CloudWatch::Alarm"

    @classmethod
    def make(cls, name: str, properties: Any) -> Alarm:
        boto3.client("cloudwatch").put_metric_alarm(AlarmName=name, **properties)
        return cls(name)

    def delete(self, *_: str) -> None:
        boto3.client("cloudwatch").delete_alarms(AlarmNames=[self.name])


class Schedule(_Made, CloudFormationModel):
    kind = "AWS::Scheduler::Schedule"

    @classmethod
    def make(cls, name: str, properties: Any) -> Schedule:
        made = boto3.client("scheduler").create_schedule(**properties)
        return cls(properties["Name"], made["ScheduleArn"])

    @classmethod
    def change(cls, properties: Any) -> None:
        boto3.client("scheduler").update_schedule(**properties)

    def delete(self, *_: str) -> None:
        boto3.client("scheduler").delete_schedule(Name=self.name)


# moto has looked for what it knows, or will look now.
for cached in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
    cached.cache_clear()
