"""Makes the exact requests that start a job on EMR, or the command that runs it here. Nothing is sent."""

import importlib.util
import os
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from presswatch_spark.deploy.profiles import Profile
from presswatch_spark.deploy.submission import Submission, job_file
from presswatch_spark.processes import SAFE, without_blanks
from presswatch_spark.spark.java import java_home, log_options

# Where Spark unpacks the archive, in the working folder of the driver and of each executor.
FOLDER = "environment"
PYTHON = f"./{FOLDER}/bin/python"
# EMR Serverless has larger disks of one kind only.
STANDARD_DISK_GB = 200
# What EMR Serverless begins with by itself.
FIRST_EXECUTORS = 3
DYNAMIC = "spark.dynamicAllocation"


@dataclass(frozen=True, slots=True)
class AwsRequest:
    """One call of boto3: `client(service).operation(**parameters)`."""

    service: str
    operation: str
    parameters: Mapping[str, Any]


def step_request(asked: Submission, attempt: int) -> AwsRequest:
    """Return the step of a cluster: spark-submit, with a list of arguments and no shell.

    The driver runs on a host of its own (`cluster`): on the master it would have no archive.
    """
    settings = spark_settings(asked, attempt, "spark.yarn.appMasterEnv.")
    settings["spark.yarn.dist.archives"] = f"{asked.archive.uri}#{FOLDER}"
    command = ["spark-submit", "--deploy-mode", "cluster", "--name", asked.name(attempt)]
    for name, value in sorted(settings.items()):
        command += ["--conf", f"{name}={value}"]
    step = {
        "Name": asked.name(attempt),
        "ActionOnFailure": "CONTINUE",
        "HadoopJarStep": {"Jar": "command-runner.jar", "Args": [*command, asked.entry.uri, *asked.arguments]},
    }
    parameters = {"JobFlowId": asked.profile.ec2.cluster_id, "Steps": [step]}
    return AwsRequest("emr", "add_job_flow_steps", parameters)


def job_run_request(asked: Submission, attempt: int) -> AwsRequest:
    """Return the job run of an application. Its settings are a mapping: in one text they need quotes."""
    rules = asked.profile.serverless
    settings = spark_settings(asked, attempt, "spark.emr-serverless.driverEnv.")
    settings["spark.archives"] = f"{asked.archive.uri}#{FOLDER}"
    for worker in ("driver", "executor"):
        settings[f"spark.emr-serverless.{worker}.disk"] = f"{rules.disk_gb}g"
        if rules.disk_gb > STANDARD_DISK_GB:
            settings[f"spark.emr-serverless.{worker}.disk.type"] = "shuffle_optimized"
    defaults = {"classification": "spark-defaults", "properties": dict(sorted(settings.items()))}
    entry = {"entryPoint": asked.entry.uri, "entryPointArguments": list(asked.arguments)}
    parameters = {
        # The service knows the attempt by it, and starts it once.
        "clientToken": str(uuid.uuid5(uuid.NAMESPACE_URL, asked.record(attempt, "claim"))),
        "name": asked.name(attempt),
        "executionRoleArn": str(rules.role_arn),
        "jobDriver": {"sparkSubmit": entry},
        "configurationOverrides": {
            "applicationConfiguration": [defaults],
            "monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": asked.profile.logs}},
        },
        "tags": {"presswatch-submission": asked.key},
        "applicationId": rules.application_id,
        "executionTimeoutMinutes": rules.timeout_minutes,
    }
    return AwsRequest("emr-serverless", "start_job_run", parameters)


def spark_settings(asked: Submission, attempt: int, driver_variable: str) -> dict[str, str]:
    """Return settings of Spark; `driver_variable` begins the names of those for the driver's environment."""
    profile = asked.profile
    executor, driver, most = profile.executor, profile.driver, profile.most_executors
    # EMR Serverless begins with three executors by default, and refuses a job that may have fewer. Spark
    # begins with the largest of `initialExecutors`, `minExecutors` and `executor.instances`. So all are set.
    dynamic = profile.spark.get(f"{DYNAMIC}.enabled", "true") == "true"
    first = min(FIRST_EXECUTORS, most) if dynamic else most
    settings = {
        **profile.spark,
        "spark.executor.instances": str(first),
        f"{DYNAMIC}.minExecutors": "0",
        f"{DYNAMIC}.initialExecutors": str(first),
        f"{DYNAMIC}.maxExecutors": str(most),
        "spark.executor.cores": str(executor.cores),
        "spark.executor.memory": f"{executor.jvm_gb}g",
        "spark.executor.memoryOverhead": f"{executor.python_gb}g",
        "spark.driver.cores": str(driver.cores),
        "spark.driver.memory": f"{driver.jvm_gb}g",
        "spark.driver.memoryOverhead": f"{driver.python_gb}g",
        # Executors come one by one: without it, the first waves would be cut for the few that are there.
        "spark.default.parallelism": str(most * executor.cores),
    }
    if profile.most_executors == 1:
        # A task that may not try again where it failed has nowhere to go.
        settings["spark.excludeOnFailure.enabled"] = "false"
    # Hosts of a cluster do not know their region by themselves.
    of_all = {"AWS_DEFAULT_REGION": str(profile.region), **asked.environment, "PYSPARK_PYTHON": PYTHON}
    of_all[SAFE] = "1"
    of_driver = {"PYSPARK_DRIVER_PYTHON": PYTHON, "PRESSWATCH_RESULT_URI": asked.record(attempt, "result")}
    settings |= {f"spark.executorEnv.{name}": value for name, value in of_all.items()}
    settings |= {f"{driver_variable}{name}": value for name, value in (of_all | of_driver).items()}
    return settings


def local_command(
    job: str, arguments: Sequence[str], profile: Profile, root: Path, env: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """Return the command that runs a job here, and the variables to add to its environment.

    `ConfigError`: there is no such job in `root`. `PresswatchError`: no Java.
    """
    entry = job_file(job, root)
    spec = importlib.util.find_spec("pyspark")
    home = str(Path(str(spec and spec.origin)).parent)
    java = java_home()
    # A default, so that a caller's own spark.driver.extraJavaOptions stay free.
    settings = {"spark.driver.defaultJavaOptions": log_options(), **profile.spark}
    command = [f"{home}/bin/spark-submit", "--master", env.get("SPARK_MASTER") or profile.local.master]
    for name, value in settings.items():
        command += ["--conf", f"{name}={value}"]
    variables = {
        "JAVA_HOME": java,
        "SPARK_HOME": home,
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        # The job's file lies beside the package, not in it.
        "PYTHONPATH": without_blanks(os.pathsep.join([str(root), env.get("PYTHONPATH", "")])),
        SAFE: "1",
        **profile.environment,
    }
    return [*command, str(entry), *arguments], variables
