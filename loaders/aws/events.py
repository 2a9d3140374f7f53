"""Which new objects an event tells of, whatever service brought it.

S3 tells a function directly, through a topic (SNS), through a queue (SQS, also with SNS or EventBridge before it) or
through EventBridge. Its own notifications quote keys like form fields; EventBridge's do not.

What belongs here: reading events. What stays out: the objects (``landing.py``) and what is done (``function.py``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote_plus

from loaders.errors import PermanentError

Event = Mapping[str, Any]
_CREATED: Final = "Object Created"


@dataclass(frozen=True)
class NewObject:
    """An object that was created, perhaps deleted or replaced since.

    Attributes:
        bucket: its bucket.
        key: its key, as it is.
    """

    bucket: str
    key: str


def new_objects(event: object) -> Iterator[NewObject]:
    """Yield the objects that an event says were created; nothing for deletions, restored objects and S3's test.

    Raises:
        PermanentError: it is no event of these kinds. To pass over it would be to lose a delivery.
    """
    try:
        yield from _new_objects(event)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PermanentError(
            "Reading the event",
            f"it tells of no object in a known way ({type(error).__name__}: {error})",
            "Send notifications of S3, directly or through SNS, SQS or EventBridge; docs/how-to/aws.md lists them.",
        ) from error


def _new_objects(event: Any) -> Iterator[NewObject]:
    if "Records" in event:
        for record in event["Records"]:
            yield from _of_record(record)
    elif "detail-type" in event:
        detail = event["detail"]
        if event["detail-type"] == _CREATED:
            yield NewObject(detail["bucket"]["name"], detail["object"]["key"])
    elif "Message" in event:
        yield from _new_objects(json.loads(event["Message"]))
    elif event["Event"] != "s3:TestEvent":
        raise ValueError(event["Event"])


def _of_record(record: Event) -> Iterator[NewObject]:
    if "Sns" in record:
        yield from _new_objects(json.loads(record["Sns"]["Message"]))
    elif "body" in record:
        yield from _new_objects(json.loads(record["body"]))
    elif record["eventName"].removeprefix("s3:").startswith("ObjectCreated:"):
        place = record["s3"]
        yield NewObject(place["bucket"]["name"], unquote_plus(place["object"]["key"]))
