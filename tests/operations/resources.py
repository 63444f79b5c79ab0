"""Resources of the template that moto does not know.

They are made as CloudFormation makes them, by calls of boto3 with the template's own properties: botocore
refuses what is no property of theirs.
"""

from __future__ import annotations

import json
from typing import Any

import boto3
from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel

from tests.operations.stacks import uncapitalised

__all__ = ["parsing"]


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
