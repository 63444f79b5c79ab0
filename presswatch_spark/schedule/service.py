"""Making, listing and removing schedules, by EventBridge Scheduler and Step Functions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from presswatch_spark.deploy.aws import client, reaching
from presswatch_spark.errors import ConfigError, InputError
from presswatch_spark.schedule.plan import GROUP, Plan, check_name
from presswatch_spark.schedule.validity import problems_of

MISSING = frozenset({"ResourceNotFoundException", "StateMachineDoesNotExist"})
THERE_ALREADY = "ConflictException"


@dataclass(frozen=True, slots=True)
class Listed:
    """A schedule that is there. `last` is the state of the last execution, `last_at` when it began."""

    name: str
    state: str
    expression: str
    timezone: str
    machine: str
    last: str | None
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class Schedules:
    """The schedules of a region; credentials are the usual chain's."""

    region: str | None

    def create(self, plan: Plan) -> Iterator[str]:
        """Make the machine, then the schedule, or bring those that are there to what `plan` says.

        Yields what was done, as it is. Whatever is interrupted is finished by the same call.
        """
        problems = problems_of(plan.definition)
        if problems:
            raise ConfigError("\n".join(["the state machine is refused:", *problems]), where=plan.name)
        yield self._machine(plan)
        yield self._schedule(plan)

    def listed(self) -> Iterator[Listed]:
        """Our schedules, by name."""
        scheduler = client("scheduler", self.region)
        with reaching("EventBridge Scheduler", GROUP):
            try:
                pages = scheduler.get_paginator("list_schedules").paginate(GroupName=GROUP)
                names = [found["Name"] for page in pages for found in page["Schedules"]]
            except ClientError as error:
                if _code(error) not in MISSING:
                    raise
                return
            described = [scheduler.get_schedule(GroupName=GROUP, Name=name) for name in names]
        for found in described:
            arn = found["Target"]["Arn"]
            last, last_at = self._last(arn)
            zone = found.get("ScheduleExpressionTimezone", "UTC")
            yield Listed(found["Name"], found["State"], found["ScheduleExpression"], zone, arn, last, last_at)

    def delete(self, name: str) -> Iterator[str]:
        """Remove the schedule, then its machine, whichever are there. What runs goes on.

        Raises:
            InputError: there is no schedule of that name.
        """
        check_name(name)
        scheduler = client("scheduler", self.region)
        with reaching("EventBridge Scheduler", name):
            found = _unless_missing(scheduler.get_schedule, GroupName=GROUP, Name=name)
            if found is None:
                raise InputError("there is no such schedule", where=name, remedy="see `schedule list`")
        # The schedule names the machine, so it goes last: what is interrupted can be repeated.
        arn = found["Target"]["Arn"]
        states = client("stepfunctions", self.region)
        with reaching("Step Functions", arn):
            _unless_missing(states.delete_state_machine, stateMachineArn=arn)
        yield f"removed {arn}"
        with reaching("EventBridge Scheduler", name):
            _unless_missing(scheduler.delete_schedule, GroupName=GROUP, Name=name)
        yield f"removed schedule {GROUP}/{name}"

    def _machine(self, plan: Plan) -> str:
        states, arn, asked = client("stepfunctions", self.region), plan.machine_arn, plan.machine_request
        with reaching("Step Functions", plan.machine_name):
            found = _unless_missing(states.describe_state_machine, stateMachineArn=arn)
            if found is None:
                states.create_state_machine(**asked)
                return f"created {arn}"
            definition = json.loads(found["definition"])
            if (definition, found["roleArn"]) == (plan.definition, plan.machine_role):
                return f"there already: {arn}"
            changes = {name: asked[name] for name in ("definition", "roleArn")}
            states.update_state_machine(stateMachineArn=arn, **changes)
        return f"updated {arn}"

    def _schedule(self, plan: Plan) -> str:
        scheduler, asked = client("scheduler", self.region), plan.schedule_request
        where = f"schedule {GROUP}/{plan.name}"
        with reaching("EventBridge Scheduler", plan.name):
            self._group(scheduler)
            found = _unless_missing(scheduler.get_schedule, GroupName=GROUP, Name=plan.name)
            if found is None:
                try:
                    scheduler.create_schedule(**asked)
                except ClientError as error:
                    # Somebody made it meanwhile.
                    if _code(error) != THERE_ALREADY:
                        raise
                    scheduler.update_schedule(**asked)
                return f"created {where}: {plan.expression}"
            if all(found.get(name) == value for name, value in asked.items()):
                return f"there already: {where}: {plan.expression}"
            scheduler.update_schedule(**asked)
        return f"updated {where}: {plan.expression}"

    def _group(self, scheduler: Any) -> None:
        if _unless_missing(scheduler.get_schedule_group, Name=GROUP) is None:
            try:
                scheduler.create_schedule_group(Name=GROUP)
            except ClientError as error:
                if _code(error) != THERE_ALREADY:
                    raise

    def _last(self, arn: str) -> tuple[str | None, datetime | None]:
        states = client("stepfunctions", self.region)
        with reaching("Step Functions", arn):
            found = _unless_missing(states.list_executions, stateMachineArn=arn, maxResults=1)
        if found is None:
            return "its state machine is gone", None
        last = next(iter(found["executions"]), None)
        return (last["status"], last["startDate"]) if last else (None, None)


def _unless_missing(call: Any, **parameters: Any) -> Mapping[str, Any] | None:
    try:
        reply: Mapping[str, Any] = call(**parameters)
    except ClientError as error:
        if _code(error) in MISSING:
            return None
        raise
    return reply


def _code(error: ClientError) -> str:
    return str(error.response["Error"].get("Code", ""))
