"""The schedule on AWS: EventBridge Scheduler starts a state machine of Step Functions, which runs a watch."""
