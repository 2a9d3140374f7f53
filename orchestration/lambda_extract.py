"""Having the Lambda function extract meter files, through Dagster Pipes.

What belongs here: one call of the function from inside a step, its messages in Dagster's log, its failures as typed
errors. What stays out: which files it reads (``loaders/aws/remote_extract.py``) and how (``loaders/aws/function.py``).
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import dagster as dg

from loaders.errors import LoaderError, PermanentError, TransientError

if TYPE_CHECKING:
    from billsync.settings import Settings
    from loaders.sources.meter_files import FilesReader

# Lambda's own limit is 900 s; a call that is cut off earlier would go on unseen.
ANSWER_SECONDS: Final = 930.0
# Kinds of failure that the function names, and Lambda's own; any other is the same the next time.
_PASSING: Final = frozenset({"TransientError", "Sandbox.Timedout", "Runtime.ExitError"})


def function_reader(settings: Settings) -> FilesReader | None:
    """What reads meter files in place of this process; None where it reads them itself.

    Raises:
        ConfigurationError: a name that the function needs is not set.
        LoaderError: AWS cannot be reached at all.
    """
    if settings.extract == "local":
        return None
    from loaders.aws.clients import AwsPolicy, open_client  # noqa: PLC0415 - a day without AWS needs none of it
    from loaders.aws.extracted_files import ExtractedFiles  # noqa: PLC0415 - see above
    from loaders.aws.remote_extract import FunctionReader  # noqa: PLC0415 - see above
    from loaders.aws.s3 import S3Place  # noqa: PLC0415 - see above

    name = settings.require("EXTRACT_FUNCTION")
    output = S3Place.parse(settings.require("EXTRACT_OUTPUT"))
    client = open_client("lambda", AwsPolicy(read_timeout_seconds=ANSWER_SECONDS))
    return FunctionReader(
        ExtractedFiles(output, settings.get("ARCHIVE") or ""), lambda event: invoke(client, name, event)
    )


def invoke(client: Any, function_name: str, event: Mapping[str, object]) -> None:
    """Have the function work on an event, and show what it reported in the log of the running step.

    Raises:
        LoaderError: it could not be called, failed, or said nothing.
    """
    from dagster_aws.pipes import PipesLambdaClient  # noqa: PLC0415 - imports boto3

    context = dg.AssetExecutionContext.get()
    pipes = PipesLambdaClient(client=_TypedFailures(client, function_name))
    done = pipes.run(context=context, function_name=function_name, event=event)
    messages = done.get_custom_messages()
    if not messages:
        raise PermanentError(
            f"Calling the Lambda function {function_name}",
            "it answered and reported nothing through Dagster Pipes",
            "Check that its handler is loaders.aws.function.handler.",
        )
    context.log.info("%s: %s", function_name, json.dumps(messages[-1]))


@dataclass(frozen=True)
class _TypedFailures:
    """The Lambda client as Dagster's Pipes client uses it, with failures told as what, why and what to do."""

    client: Any
    function_name: str

    def invoke(self, **arguments: Any) -> dict[str, Any]:
        """Call the function once it lets itself be called, and look at its answer."""
        from loaders.aws.clients import call  # noqa: PLC0415 - see function_reader

        what = f"Calling the Lambda function {self.function_name}"
        answer: dict[str, Any] = call(what, lambda: self.client.invoke(**arguments))
        if "FunctionError" in answer:
            raise failure_of(what, answer["Payload"].read())
        # PipesLambdaClient reads no more of the answer than its log; a function that logs nothing sends none.
        return {**answer, "Payload": io.BytesIO(), "LogResult": answer.get("LogResult", "")}


def failure_of(what: str, payload: bytes) -> LoaderError:
    """The typed failure of a function that raised, ran out of time or died."""
    try:
        told = json.loads(payload)
        kind, message = str(told.get("errorType", "")), str(told.get("errorMessage", ""))
    except (ValueError, AttributeError):
        kind, message = "", payload[:200].decode("utf-8", "replace")
    message = " ".join(message.split())[:1000].rstrip(".")
    if kind in _PASSING or "Task timed out" in message:
        return TransientError(what, f"it failed: {message or kind}")
    return PermanentError(what, f"it failed: {message or kind}", "See the function's log, and run the day again.")
