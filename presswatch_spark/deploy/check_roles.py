"""Checks the roles of a job: that they exist, that the service may take them, and what they may do."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from presswatch_spark.deploy.findings import CheckResult, code_of, fault, ok, unknown
from presswatch_spark.deploy.profiles import Profile
from presswatch_spark.deploy.services import ServiceError, client, reaching

ABSENT = "NoSuchEntity"
SERVERLESS = "emr-serverless.amazonaws.com"


@dataclass(frozen=True, slots=True)
class Right:
    """What a role must be able to do, and with what: names of actions, and ARNs."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]


def check_job_role(profile: Profile, credentials: str | None) -> Iterator[CheckResult]:
    """Say whether the role of a job is there, and whether EMR Serverless may take it."""
    arn = str(profile.serverless.role_arn)
    iam = client("iam", profile.region, credentials=credentials)
    role = _role(iam, arn.rpartition("/")[2])
    if role is None:
        yield fault(
            "role", f"there is no role {arn}", "make it with the stack, whose output JobRoleArn it is"
        )
    elif role["Arn"] != arn:
        yield fault(
            "role", f"the role of that name is {role['Arn']}, and the profile says {arn}", "set role_arn"
        )
    else:
        yield _trusted(role, SERVERLESS, profile)


def check_pod_role(profile: Profile, credentials: str | None) -> Iterator[CheckResult]:
    """Say whether the role of a job on EKS is there. Its trust in the cluster is not looked at."""
    arn = str(profile.eks.role_arn)
    iam = client("iam", profile.region, credentials=credentials)
    if _role(iam, arn.rpartition("/")[2]) is None:
        yield fault("role", f"there is no role {arn}", "make it, with the rights of JobRole of the stack")
    else:
        said = "whether its trust policy names the identity provider of the cluster is not looked at"
        yield unknown(
            "role", f"{arn} is there; {said}", "aws emr-containers update-role-trust-policy adds it"
        )


def check_cluster_roles(
    profile: Profile, cluster: Mapping[str, Any], credentials: str | None
) -> Iterator[CheckResult]:
    """Say whether the roles of a cluster and of its hosts are there, and who may take them."""
    iam = client("iam", profile.region, credentials=credentials)
    remedy = "make EMR's default roles (aws emr create-default-roles), and start a cluster with them"
    service = str(cluster.get("ServiceRole") or "").rpartition("/")[2]
    instances = cluster.get("Ec2InstanceAttributes") or {}
    hosts = str(instances.get("IamInstanceProfile") or "").rpartition("/")[2]
    for name, taker in ((service, "elasticmapreduce.amazonaws.com"), (hosts, "ec2.amazonaws.com")):
        if not name:
            yield unknown("role", f"the cluster does not say which role {taker} takes")
            continue
        found = _role_of_hosts(iam, name) if name == hosts else _role(iam, name)
        yield _trusted(found, taker, profile) if found else fault("role", f"there is no role {name}", remedy)


def check_rights(
    profile: Profile, role: str, rights: Sequence[Right], credentials: str | None
) -> Iterator[CheckResult]:
    """Say whether the role of a job may do what the job does, as IAM simulates it."""
    iam = client("iam", profile.region, credentials=credentials)
    denied = list[str]()
    for right in rights:
        with reaching("IAM", role):
            pages = iam.get_paginator("simulate_principal_policy").paginate(
                PolicySourceArn=role,
                ActionNames=list(right.actions),
                ResourceArns=list(right.resources),
            )
            results = [result for page in pages for result in page["EvaluationResults"]]
        denied += [
            f"{result['EvalActionName']} on {result['EvalResourceName']}"
            for result in results
            if result["EvalDecision"] != "allowed"
        ]
    if denied:
        yield fault("rights", f"the role may not: {'; '.join(denied)}", "add a statement to its policy")
    else:
        actions = sorted({action for right in rights for action in right.actions})
        yield ok("rights", f"the role may do what this job does, as IAM simulates it: {', '.join(actions)}")


def _role(iam: Any, name: str) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = _there(name, lambda: iam.get_role(RoleName=name)["Role"])
    return found


def _role_of_hosts(iam: Any, name: str) -> Mapping[str, Any] | None:
    """Return the role of an instance profile."""
    found = _there(name, lambda: iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"])
    return next(iter(found["Roles"]), None) if found else None


def _there(name: str, ask: Callable[[], Any]) -> Any:
    """Return what IAM answers; None if it has nothing of that name."""
    try:
        with reaching("IAM", name):
            return ask()
    except ServiceError as error:
        if code_of(error) == ABSENT:
            return None
        raise


def _trusted(role: Mapping[str, Any], taker: str, profile: Profile) -> CheckResult:
    """Say whether a role's trust policy lets a service take it."""
    name = role["RoleName"]
    statements = _listed(role["AssumeRolePolicyDocument"].get("Statement"))
    about = [statement for statement in statements if _is_about(statement, taker)]
    if any(statement["Effect"] == "Deny" for statement in about):
        return fault("role", f"the trust policy of {name} denies it to {taker}", "remove that statement")
    allowing = [statement for statement in about if statement["Effect"] == "Allow"]
    if not allowing:
        remedy = f'allow sts:AssumeRole to {{"Service": "{taker}"}} in its trust policy'
        return fault("role", f"the trust policy of {name} does not let {taker} take it", remedy)
    verdicts = [_met(statement.get("Condition") or {}, role["Arn"], profile) for statement in allowing]
    if True in verdicts:
        return ok("role", f"{name} is there, and {taker} may take it")
    if None in verdicts:
        return unknown("role", f"the trust policy of {name} has a condition that is not understood here")
    remedy = "let the condition name this account, and this application"
    return fault("role", f"the trust policy of {name} lets {taker} take it for others only", remedy)


def _is_about(statement: Mapping[str, Any], taker: str) -> bool:
    principal = statement.get("Principal")
    services = _listed(principal.get("Service")) if isinstance(principal, Mapping) else [principal]
    actions = _listed(statement.get("Action"))
    return (taker in services or "*" in services) and bool({"sts:AssumeRole", "sts:*", "*"} & {*actions})


def _met(condition: Mapping[str, Mapping[str, Any]], arn: str, profile: Profile) -> bool | None:
    """Say whether a trust's condition holds for our job; None if it cannot be told."""
    _, partition, _, _, account, _ = arn.split(":", 5)
    application = profile.serverless.application_id
    ours = f"arn:{partition}:emr-serverless:{profile.region}:{account}:/applications/{application}"
    here = {"aws:SourceAccount": account, "aws:SourceArn": ours}
    for operator, tests in condition.items():
        for key, wanted in tests.items():
            if key not in here or operator not in ("StringEquals", "StringLike", "ArnEquals", "ArnLike"):
                return None
            values = [str(value) for value in _listed(wanted)]
            if here[key] not in values:
                return None if any(sign in value for value in values for sign in "*?$") else False
    return True


def _listed(value: Any) -> list[Any]:
    """Return what a policy may write as one or as a list, as a list."""
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
