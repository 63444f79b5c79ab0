"""Every Python process that has this folder on its path writes down each call of boto3 before it is sent.

A line of JSON in the file `RECORDED_CALLS`: who calls (`RECORDED_ROLE`), the service, the operation, and of
S3 what is named.
"""

import json
import os

if os.environ.get("RECORDED_CALLS"):
    from botocore import handlers

    def _record(params, model, **_more):
        call = {
            "role": os.environ.get("RECORDED_ROLE", ""),
            "service": model.service_model.service_name,
            "operation": model.name,
            **{name.lower(): params[name] for name in ("Bucket", "Key", "Prefix") if name in params},
        }
        # One request may remove many objects: each is asked for by itself.
        named = params["Delete"]["Objects"] if model.name == "DeleteObjects" else [{}]
        with open(os.environ["RECORDED_CALLS"], "a", encoding="utf-8") as file:
            for each in named:
                key = {"key": each["Key"]} if "Key" in each else {}
                file.write(f"{json.dumps(call | key)}\n")

    handlers.BUILTIN_HANDLERS.append(("before-parameter-build", _record))
