"""conf/aws/presswatch.yaml: lint, the stack that it makes at moto's, and its job beside the submitted one."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from presswatch_spark.cli.commands.campaign import watch
from presswatch_spark.cli.commands.scan import scan
from presswatch_spark.deploy.emr import JobRuns
from presswatch_spark.deploy.profiles import Profile, load_profile
from presswatch_spark.deploy.submission import Submission, submission
from tests.conftest import ROOT, TEST_AWS
from tests.operations.policies import actions, allows
from tests.operations.stacks import (
    ACCOUNT,
    LABEL,
    REGION,
    STACK,
    TEMPLATE,
    deploy,
    policies,
    refused,
    template,
    uncapitalised,
)
from tests.s3.archives import write_archive
from tests.world.proofs import cases, each_time
from tests.world.servers import aws_account

BUCKET, OTHER, EQUIPPED = "press-copies", "other-presswatch", "equipped-presswatch"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:hub-a1B2c3"
CORPUS = f"s3://{BUCKET}/corpus/2026-06"
PARAMETERS = template()["Parameters"]


MISTAKES = {
    "E3002": ("IdleTimeoutMinutes:", "IdleMinutes:"),
    "E3601": ("StartAt: Watch", "StartAt: Look"),
    "W3037": ('"emr-serverless:GetJobRun"', '"emr-serverless:GetRun"'),
    "E2015": ("Default: rate(1 day)", "Default: daily"),
}
"""By the rule of cfn-lint that names it: what is right in the template, and what is wrong."""


def broken_rules(file: Path) -> set[str]:
    """The rules that a template breaks, of all rules of cfn-lint."""
    program = Path(sys.executable).with_name("cfn-lint")
    command = [str(program), "--include-checks", "I", "--format", "json", "-t", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return {each["Rule"]["Id"] for each in json.loads(done.stdout)}


class TestTemplate:
    @pytest.mark.full  # cfn-lint takes seconds to load its rules.
    def test_cfn_lint_sees_the_mistakes_that_are_made_in_it_and_no_other(self, tmp_path: Path) -> None:
        assert broken_rules(TEMPLATE) == set()
        text = TEMPLATE.read_text(encoding="utf-8")
        for right, wrong in MISTAKES.values():
            assert right in text
            text = text.replace(right, wrong)
        (tmp_path / "broken.yaml").write_text(text, encoding="utf-8")
        assert broken_rules(tmp_path / "broken.yaml") == set(MISTAKES)
        assert "cfn-lint" not in json.dumps(template())
        assert not list(ROOT.glob(".cfnlintrc*"))

    def test_it_can_be_sent_and_its_defaults_are_options_of_a_watch_of_all_shards(self) -> None:
        """CloudFormation takes 51,200 bytes, and makes question marks of what is not ASCII."""
        data = TEMPLATE.read_bytes()
        assert (data.isascii(), len(data) < 51_200) == (True, True)
        groups = template()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
        assert sorted(name for group in groups for name in group["Parameters"]) == sorted(PARAMETERS)
        bounds = {"AllowedPattern", "AllowedValues", "MinValue"}
        for name, parameter in PARAMETERS.items():
            assert parameter["Description"].endswith("."), name
            assert bounds & parameter.keys() or parameter["Type"] == "CommaDelimitedList", name
        # Its defaults are options of a watch that scans all shards.
        words = PARAMETERS["WatchOptions"]["Default"].split()
        options = [*PARAMETERS["ScanOptions"]["Default"].split(), "--corpus", "c", "--out", "t"]
        watched = watch.make_context("watch", [*words, "--", *options]).params
        assert (watched["only_newest"], watched["probe"], watched["every"]) == (True, True, None)
        scanned = scan.make_context("scan", list(watched["scan_options"])).params
        assert (scanned["dataset"], scanned["paths"], scanned["sample"]) == ("wet", (), None)

    @cases(
        ("name", "good", "bad"),
        [
            ("BucketName", ["press-copies", "a.b"], ["Press", "ab-", "s3://press"]),
            ("Expression", ["rate(12 hours)", "cron(0 6 * * ? *)"], ["daily", "rate(0 days)", "cron()"]),
            ("TimeZone", ["Europe/Paris", "America/Argentina/Salta", "Etc/GMT+1"], ["", "a b"]),
            ("State", ["ENABLED", "DISABLED"], ["PAUSED"]),
            ("Budget", ["", "10", "2.5"], ["$10", "ten", "1."]),
            ("Archive", ["", f"s3://{BUCKET}/store/a.tar.gz"], ["dist/a.tar.gz", "s3://b/a.zip"]),
            ("Entry", ["", f"s3://{BUCKET}/store/jobs/1/watch.py"], ["jobs/watch.py", "s3://b/scan.py"]),
            ("ClusterId", ["", "j-2AXXXXXXGAPLF"], ["cluster"]),
            (
                "HubTokenSecret",
                ["", f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:hub/token-a1B2c3"],
                ["hub", "arn:aws:secretsmanager:*", "arn:aws:s3:::press-copies"],
            ),
            ("SilentDays", ["0", "7"], ["8", "-1"]),
            (
                "WatchOptions",
                ["--only-newest", "--since CC-MAIN-2026-21 --probe", "--news --only-newest --once"],
                ["", "only-newest", "--only-newest  --probe", "--only-newest --every 60",
                 "--again X --probe", "--only-newest --poll", '--list "x"'],
            ),
            (
                "ScanOptions",
                ["--format warc",
                 f"--format wet --config s3://{BUCKET}/store/files/scan.yaml --languages fra"],
                ["", "shards/", *(f"--format wet{more}" for more in (
                    " --out s3://b/t", " --release X", "|x", " --corpus s3://b/c", " --budget 1",
                    " --profile x",
                ))],
            ),
        ],
    )  # fmt: skip
    def test_what_the_watch_or_aws_would_refuse_every_day_is_refused_at_once(
        self, name: str, good: list[str], bad: list[str]
    ) -> None:
        assert [value for value in good if refused({name: value})] == []
        assert [value for value in bad if not refused({name: value})] == []


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """An account at moto's."""
    with aws_account() as endpoint, pytest.MonkeyPatch.context() as patch:
        for name, value in (TEST_AWS | {"AWS_ENDPOINT_URL": endpoint}).items():
            patch.setenv(name, value)
        yield endpoint


def schedule_of(submitted: Submission) -> dict[str, str]:
    """The parameters that schedule what was submitted."""
    return {"Archive": submitted.archive.uri, "Entry": submitted.entry.uri, "Corpus": CORPUS}


@pytest.fixture(scope="module")
def stack(aws: str, submitted: Submission) -> Iterator[dict[str, str]]:
    """The outputs of a stack with a schedule, made as the document makes it; gone after the tests."""
    given = {"BucketName": BUCKET, "ReleaseLabel": LABEL, "Email": "operations@example.org"}
    assert "MachineArn" not in deploy(given)
    assert boto3.client("scheduler").list_schedules()["Schedules"] == []
    yield deploy(schedule_of(submitted) | {"Expression": "cron(0 6 * * ? *)", "TimeZone": "Europe/Paris"})
    boto3.client("cloudformation").delete_stack(StackName=STACK)
    assert boto3.client("scheduler").list_schedules()["Schedules"] == []
    assert boto3.client("stepfunctions").list_state_machines()["stateMachines"] == []
    client = boto3.client("s3")
    assert "OnlyByTls" in client.get_bucket_policy(Bucket=BUCKET)["Policy"]
    client.delete_bucket(Bucket=BUCKET)


@contextmanager
def other_stack(given: dict[str, str], name: str = OTHER) -> Iterator[dict[str, str]]:
    """The outputs of another stack of the account, with the bucket of the first."""
    shared = {"BucketName": BUCKET, "BucketIsThere": "yes", "ReleaseLabel": LABEL}
    try:
        yield deploy(shared | given, name)
    finally:
        boto3.client("cloudformation").delete_stack(StackName=name)


@pytest.fixture(scope="module")
def equipped(stack: dict[str, str], submitted: Submission) -> Iterator[dict[str, str]]:
    """The outputs of a stack with all that the first one lacks."""
    given = {"Budget": "2.5", "ScanOptions": "--format warc --pdf", "HubTokenSecret": SECRET}
    given |= {"Subnets": "subnet-1,subnet-2", "SecurityGroups": "sg-1", "ClusterId": "j-2AXXXXXXGAPLF"}
    with other_stack(schedule_of(submitted) | given, EQUIPPED) as outputs:
        yield outputs


def application(outputs: dict[str, str]) -> dict[str, Any]:
    found = boto3.client("emr-serverless").get_application(applicationId=outputs["ApplicationId"])
    described: dict[str, Any] = found["application"]
    return described


@pytest.fixture(scope="module")
def profile() -> Profile:
    """The profile as it comes, filled in as the document says."""
    own = {"REGION": REGION, "STORE": f"s3://{BUCKET}/store", "LOGS": f"s3://{BUCKET}/logs"}
    own |= {"SERVERLESS__APPLICATION_ID": "application", "SERVERLESS__ROLE_ARN": "role"}
    return load_profile("emr-serverless", {f"PRESSWATCH_DEPLOY__{name}": each for name, each in own.items()})


@pytest.fixture(scope="module")
def submitted(profile: Profile, tmp_path_factory: pytest.TempPathFactory) -> Submission:
    """What `presswatch submit` makes of the watch that the document submits by hand."""
    words = [PARAMETERS[name]["Default"].split() for name in ("WatchOptions", "ScanOptions")]
    arguments = [*words[0], "--", *words[1], "--corpus", CORPUS, "--out", f"s3://{BUCKET}/tables"]
    archive = write_archive(tmp_path_factory.mktemp("archive"))
    return submission("watch", arguments, profile, archive, {})


def definition(arn: str) -> dict[str, Any]:
    described = boto3.client("stepfunctions").describe_state_machine(stateMachineArn=arn)
    made: dict[str, Any] = json.loads(described["definition"])
    return made


def watch_of(outputs: dict[str, str]) -> dict[str, Any]:
    """The state of a stack's machine that runs the job."""
    state: dict[str, Any] = definition(outputs["MachineArn"])["States"]["Watch"]
    return state


RESULT = "spark.emr-serverless.driverEnv.PRESSWATCH_RESULT_URI"


def job_of(parameters: Any) -> tuple[Any, dict[str, str]]:
    """A request to EMR Serverless without what is each one's own, and that."""
    request = json.loads(json.dumps(parameters))
    (defaults,) = request["configurationOverrides"]["applicationConfiguration"]
    own = {name: str(request.pop(name)) for name in ("applicationId", "executionRoleArn", "name", "tags")}
    own["token"] = request.pop("clientToken", None) or request.pop("clientToken.$")
    own["result"] = defaults["properties"].pop(RESULT)
    return request, own


class TestJob:
    def test_it_is_the_one_that_would_be_submitted_by_hand_as_the_profile_says(
        self, stack: dict[str, str], submitted: Submission, profile: Profile
    ) -> None:
        scheduled, own = job_of(uncapitalised(watch_of(stack)["Parameters"]))
        by_hand, others = job_of(JobRuns(submitted).parameters(1))
        assert scheduled == by_hand
        given = own["applicationId"], own["executionRoleArn"]
        assert given == (stack["ApplicationId"], stack["JobRoleArn"])
        # It leaves its exit code where no job by hand looks for its own, and where its role may write.
        assert own["result"] != others["result"]
        assert own["result"].startswith(f"s3://{BUCKET}/store/submissions/")
        # Its time, release and hosts are those of the profile.
        # An hour to start.
        assert watch_of(stack)["TimeoutSeconds"] == profile.serverless.timeout_minutes * 60 + 3600
        assert PARAMETERS["ReleaseLabel"]["Default"] == profile.release
        assert template()["Resources"]["Application"]["Properties"]["Architecture"].lower() == (
            profile.archive.machine
        )
        assert str(profile.most_executors) == PARAMETERS["MostExecutors"]["Default"]
        # The comparison above sees every setting: with one more in the profile, the requests differ.
        changed = replace(profile, spark={**profile.spark, "spark.speculation": "true"})
        before, _ = job_of(JobRuns(submitted).parameters(1))
        after, _ = job_of(JobRuns(replace(submitted, profile=changed)).parameters(1))
        assert before != after

    @pytest.mark.parametrize(
        "most",
        each_time(
            PARAMETERS["MostExecutors"]["AllowedValues"][::4], PARAMETERS["MostExecutors"]["AllowedValues"]
        ),
    )
    def test_it_is_so_with_any_number_of_executors(
        self, most: str, aws: str, stack: dict[str, str], submitted: Submission, profile: Profile
    ) -> None:
        waves = int(most) * profile.executor.cores * 8
        environment = {**submitted.environment, "PRESSWATCH_RUN__WAVE_SHARDS": str(waves)}
        many = replace(profile, most_executors=int(most))
        by_hand = JobRuns(replace(submitted, profile=many, environment=environment)).parameters(1)
        with other_stack(schedule_of(submitted) | {"MostExecutors": most}) as outputs:
            made = watch_of(outputs)["Parameters"]
            limits = application(outputs)["maximumCapacity"]
        assert job_of(uncapitalised(made))[0] == job_of(by_hand)[0]
        workers = int(most) + 1
        assert limits["cpu"] == f"{workers * profile.executor.cores} vCPU"
        executor = profile.executor.jvm_gb + profile.executor.python_gb
        assert int(limits["memory"].split()[0]) >= workers * executor
        assert int(limits["disk"].split()[0]) >= workers * profile.serverless.disk_gb

    def test_a_budget_goes_along_with_the_price_of_these_hosts(self, equipped: dict[str, str]) -> None:
        words = watch_of(equipped)["Parameters"]["JobDriver"]["SparkSubmit"]["EntryPointArguments"]
        scanned = scan.make_context("scan", words[words.index("--") + 1 :]).params
        assert (scanned["dataset"], scanned["read__pdf"], scanned["run__budget"]) == ("warc", True, 2.5)
        assert scanned["run__price"] in (ROOT / "conf" / "prices.yaml").read_text(encoding="utf-8")


class TestMachine:
    def test_it_is_sound_and_every_state_is_reached(self, stack: dict[str, str]) -> None:
        from moto.stepfunctions.parser.asl.static_analyser.static_analyser import StaticAnalyser

        made = definition(stack["MachineArn"])
        StaticAnalyser().analyse(json.dumps(made))
        states, reached, todo = made["States"], set(), [made["StartAt"]]
        while todo:
            name = todo.pop()
            reached.add(name)
            rules = (states[name], *states[name].get("Catch", ()))
            todo += [rule["Next"] for rule in rules if rule.get("Next") not in (None, *reached)]
        assert reached == set(states)

    def test_a_failure_is_told_and_still_a_failure(self, stack: dict[str, str]) -> None:
        states = definition(stack["MachineArn"])["States"]
        caught = [(rule["ErrorEquals"], rule["Next"]) for rule in states["Watch"]["Catch"]]
        assert caught == [(["States.ALL"], "Tell")]
        told = states["Tell"]["Parameters"]["TopicArn"], states["Tell"]["Next"], states["Failed"]["Type"]
        assert told == (stack["TopicArn"], "Failed", "Fail")
        found = boto3.client("sns").list_subscriptions_by_topic(TopicArn=stack["TopicArn"])["Subscriptions"]
        subscribed = [(each["Protocol"], each["Endpoint"]) for each in found]
        assert subscribed == [("email", "operations@example.org")]

    def test_a_schedule_that_fires_twice_for_one_moment_gives_one_token(
        self, stack: dict[str, str], equipped: dict[str, str]
    ) -> None:
        made = boto3.client("scheduler").get_schedule(Name=STACK)
        when = made["State"], made["ScheduleExpression"], made["ScheduleExpressionTimezone"]
        assert when == ("ENABLED", "cron(0 6 * * ? *)", "Europe/Paris")
        token = watch_of(stack)["Parameters"]["ClientToken.$"]
        assert token == "States.Hash(States.Format('presswatch {}', $.scheduled_time), 'SHA-256')"
        target = made["Target"]
        assert json.loads(target["Input"]) == {"scheduled_time": "<aws.scheduler.scheduled-time>"}
        assert target["Arn"] == stack["MachineArn"]
        assert watch_of(equipped)["Parameters"]["ClientToken.$"] != token


class TestSchedule:
    def test_it_can_be_paused_which_no_alarm_takes_for_silence(
        self, stack: dict[str, str], submitted: Submission
    ) -> None:
        def alarms() -> list[Any]:
            found = boto3.client("cloudwatch").describe_alarms(AlarmNamePrefix=OTHER)["MetricAlarms"]
            return list(found)

        with other_stack(schedule_of(submitted)) as outputs:
            (alarm,) = alarms()
            assert alarm["Dimensions"] == [{"Name": "StateMachineArn", "Value": outputs["MachineArn"]}]
            assert alarm["AlarmActions"] == [outputs["TopicArn"]]
            assert (alarm["Period"], alarm["EvaluationPeriods"]) == (86400, 2)
            deploy({"State": "DISABLED"}, OTHER)
            assert boto3.client("scheduler").get_schedule(Name=OTHER)["State"] == "DISABLED"
            assert alarms() == []
            deploy({"State": "ENABLED", "SilentDays": "0"}, OTHER)
            assert boto3.client("scheduler").get_schedule(Name=OTHER)["State"] == "ENABLED"
            assert alarms() == []

    def test_a_part_of_a_schedule_is_refused(self) -> None:
        """CloudFormation checks rules before it makes anything; moto does not."""
        rule = template()["Rules"]["ScheduleIsWhole"]
        needed = [
            {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, ""]}]} for name in ("Archive", "Entry", "Corpus")
        ]
        assert rule["RuleCondition"] == {"Fn::Or": needed}
        assert [each["Assert"] for each in rule["Assertions"]] == needed


class TestBucket:
    def test_it_is_private_encrypted_versioned_and_asked_by_tls_only(self, stack: dict[str, str]) -> None:
        client = boto3.client("s3")
        blocked = client.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
        assert (len(blocked), all(blocked.values())) == (4, True)
        (rule,) = client.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
        assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
        assert client.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
        owners = client.get_bucket_ownership_controls(Bucket=BUCKET)["OwnershipControls"]["Rules"]
        assert owners == [{"ObjectOwnership": "BucketOwnerEnforced"}]
        (denied,) = json.loads(client.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
        assert denied.items() >= {
            "Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }.items()  # fmt: skip

    def test_nothing_goes_by_rule_but_logs_old_versions_and_halves_of_uploads(
        self, stack: dict[str, str]
    ) -> None:
        rules = boto3.client("s3").get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
        done = {rule.pop("ID"): rule for rule in rules if rule.pop("Status") == "Enabled"}
        old = {
            "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
            "Expiration": {"ExpiredObjectDeleteMarker": True},
        }
        uploads = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}
        everywhere = {"Filter": {"Prefix": ""}}
        logs = {"Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 60}}
        assert done == {"logs": logs, "uploads": everywhere | uploads, "old-versions": everywhere | old}

    def test_it_outlives_its_stack_and_nothing_else_does(self) -> None:
        for rule in ("DeletionPolicy", "UpdateReplacePolicy"):
            kept = {name: each[rule] for name, each in template()["Resources"].items() if rule in each}
            assert kept == {"Bucket": "Retain", "BucketPolicy": "Retain"}

    def test_a_bucket_that_is_there_is_left_alone(self, stack: dict[str, str]) -> None:
        client = boto3.client("s3")
        client.create_bucket(Bucket="mine")
        with other_stack({"BucketName": "mine"}):
            assert "Status" not in client.get_bucket_versioning(Bucket="mine")
            read = policies(OTHER)["ReaderPolicy"]["Statement"][0]["Resource"]
            assert set(read) == {"arn:aws:s3:::mine/tables/*"}
        client.delete_bucket(Bucket="mine")


def test_hosts_stop_by_themselves_and_have_limits_and_subnets_if_there_are_any(
    stack: dict[str, str], equipped: dict[str, str]
) -> None:
    hosts = application(stack)
    assert hosts["autoStopConfiguration"] == {"enabled": True, "idleTimeoutMinutes": 15}
    assert hosts["maximumCapacity"] == {"cpu": "176 vCPU", "memory": "1200 GB", "disk": "2400 GB"}
    assert "networkConfiguration" not in hosts
    network = application(equipped)["networkConfiguration"]
    assert network == {"subnetIds": ["subnet-1", "subnet-2"], "securityGroupIds": ["sg-1"]}


class TestRights:
    def test_each_role_is_taken_by_one_service_of_this_account(self, stack: dict[str, str]) -> None:
        services = {"JobRole": "emr-serverless", "MachineRole": "states", "ScheduleRole": "scheduler"}
        resources = boto3.client("cloudformation").list_stack_resources(StackName=STACK)
        roles = {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for each in resources["StackResourceSummaries"]
            if each["ResourceType"] == "AWS::IAM::Role"
        }
        assert roles.keys() == services.keys()
        for name, role in roles.items():
            document = boto3.client("iam").get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
            (trust,) = document["Statement"]
            assert trust["Principal"] == {"Service": f"{services[name]}.amazonaws.com"}
            assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}

    def test_what_may_be_done_with_which_resource(
        self, stack: dict[str, str], equipped: dict[str, str]
    ) -> None:
        """Rights that no call of ours shows: of the machine, the scheduler, and with clusters."""
        hosts = f"arn:aws:emr-serverless:{REGION}:{ACCOUNT}:/applications/{stack['ApplicationId']}"
        machine = {each["Sid"]: each for each in policies()["MachineRole"]["Statement"]}
        assert machine["Runs"]["Resource"] == [hosts, f"{hosts}/jobruns/*"]
        assert machine["JobRole"]["Resource"] == [stack["JobRoleArn"]]
        assert machine["Telling"]["Resource"] == [stack["TopicArn"]]
        (waiting,) = machine["Waiting"]["Resource"]
        assert waiting.endswith(":rule/StepFunctionsGetEventsForEMRServerlessJobRule")
        (start,) = policies()["ScheduleRole"]["Statement"]
        assert (start["Action"], start["Resource"]) == (["states:StartExecution"], [stack["MachineArn"]])
        assert "ClusterPolicy" not in policies()
        assert "ClusterPolicyArn" in equipped
        (steps,) = policies(EQUIPPED)["ClusterPolicy"]["Statement"]
        assert steps["Resource"] == [f"arn:aws:elasticmapreduce:{REGION}:{ACCOUNT}:cluster/j-2AXXXXXXGAPLF"]

    def test_jobs_read_the_token_of_a_hub_if_one_is_named_and_no_other_secret(
        self, stack: dict[str, str], equipped: dict[str, str]
    ) -> None:
        iam = boto3.client("iam")

        def inline(arn: str) -> list[str]:
            names: list[str] = iam.list_role_policies(RoleName=arn.rpartition("/")[2])["PolicyNames"]
            return names

        assert inline(stack["JobRoleArn"]) == ["presswatch"]
        assert sorted(inline(equipped["JobRoleArn"])) == ["presswatch", "presswatch-hub-token"]
        role = equipped["JobRoleArn"].rpartition("/")[2]
        found = iam.get_role_policy(RoleName=role, PolicyName="presswatch-hub-token")["PolicyDocument"]
        assert "'secretsmanager:GetSecretValue'" in str(found).replace('"', "'")
        assert str(found).count("arn:") == str(found).count(SECRET) == 1

    def test_no_right_is_on_everything(self, stack: dict[str, str]) -> None:
        """That actions are some, cfn-lint sees. Stars stand below a prefix, and for job runs."""
        for name, policy in policies().items():
            assert not [action for action in actions(policy) if "*" in action], name
            for statement in policy["Statement"]:
                sid, passed = (name, statement["Sid"]), statement.get("Condition", {}).get("StringEquals", {})
                resources = statement["Resource"]
                assert all(re.fullmatch(r"arn:aws:[^*]+(/\*)?", each) for each in resources), sid
                if "s3:ListBucket" in statement["Action"]:
                    assert statement["Action"] == ["s3:ListBucket"], sid
                    assert resources == [f"arn:aws:s3:::{BUCKET}"], sid
                if "iam:PassRole" in statement["Action"]:
                    assert passed["iam:PassedToService"] == "emr-serverless.amazonaws.com", sid
                    assert resources == [stack["JobRoleArn"]], sid
        (listing,) = (each for each in policies()["ReaderPolicy"]["Statement"] if each["Sid"] == "Listing")
        assert listing["Condition"] == {"StringLike": {"s3:prefix": ["tables/*"]}}

    def test_who_may_write_what_in_the_bucket(self, stack: dict[str, str]) -> None:
        def folders(action: str) -> dict[str, set[str]]:
            return {
                name: {
                    resource.removeprefix(f"arn:aws:s3:::{BUCKET}/")
                    for statement in policy["Statement"]
                    for resource in statement["Resource"]
                    if action in statement["Action"]
                }
                for name, policy in policies().items()
                if action in actions(policy)
            }

        assert folders("s3:DeleteObject") == {"JobRole": {"tables/*"}, "CorpusPolicy": {"corpus/*"}}
        assert folders("s3:PutObject") == {
            "JobRole": {"tables/*", "store/submissions/*", "logs/*"},
            "CorpusPolicy": {"corpus/*"},
            "SubmitterPolicy": {"store/*"},
        }

    def test_a_call_that_no_policy_names_is_noticed(self, stack: dict[str, str]) -> None:
        roles = [policies()[name] for name in ("JobRole", "SubmitterPolicy", "ReaderPolicy")]
        write = {"service": "s3", "operation": "PutObject", "bucket": BUCKET, "key": "tables/runs/x"}
        listing = {"service": "s3", "operation": "ListObjectsV2", "bucket": BUCKET, "prefix": "tables/runs/"}
        for call, allowed in (
            (write, [True, False, False]),
            (write | {"key": "store/archives/x.tar.gz"}, [False, True, False]),
            (listing, [True, True, True]),
            (listing | {"prefix": "store/"}, [True, True, False]),
            ({"service": "emr-serverless", "operation": "StartJobRun"}, [False, True, False]),
        ):
            assert [allows(role, call) for role in roles] == allowed, call
