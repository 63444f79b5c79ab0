"""Sessions of boto3 that read the descriptions of Amazon's services once a process."""

from functools import lru_cache

import boto3
import botocore.session
from botocore.loaders import Loader, create_loader


def aws_session(profile: str | None = None, region: str | None = None) -> boto3.session.Session:
    """Return a new session; profile of `~/.aws/config` and region are by default those of the environment.

    By itself each session parses two megabytes of JSON before its first client. Ours share what was read.

    Raises:
        BotoCoreError: there is no such profile, or the configuration cannot be read.
    """
    session = botocore.session.get_session()
    if profile is not None:
        session.set_config_variable("profile", profile)
    session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
    return boto3.session.Session(botocore_session=session, profile_name=profile, region_name=region)


@lru_cache(maxsize=4)
def _loader(data_path: str | None) -> Loader:
    """Return what reads descriptions of services, with those that were read; `data_path`: of users' own."""
    return create_loader(data_path)
