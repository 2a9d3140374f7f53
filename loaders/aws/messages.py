"""Messages by SNS and SES, with the credentials of this process: no key stands in an address.

``sns:ARN`` publishes to a topic; ``ses:TO[,TO…]?from=SENDER[&region=…]`` mails, and attaches a file where there is one.

What belongs here: reading such an address, and one send. What stays out: what is sent when, and other channels
(``billsync/alerts.py``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import parse_qs

from loaders.aws.clients import AwsPolicy, call, open_client
from loaders.errors import PermanentError

_TOPIC: Final = re.compile(r"arn:aws[\w-]*:sns:([\w-]+):(\d{12}):([\w-]{1,256})")
_MAILBOX: Final = re.compile(r"[^\s@,<>]+@[^\s@,<>]+")
_SUBJECT_CHARACTERS: Final = 100
_TEXT_BYTES: Final = 250_000
# Many mail servers take no more than 10 MB, and base64 makes four bytes of three.
_ATTACHED_BYTES: Final = 7_000_000
_POLICY: Final = AwsPolicy(budget_seconds=60.0)


class Channel(Protocol):
    """Where a message goes."""

    def send(self, title: str, body: str, attachment: Path | None = None) -> None:
        """Send one message.

        Raises:
            LoaderError: it was not taken.
        """


@dataclass(frozen=True)
class Topic:
    """An SNS topic.

    Attributes:
        arn: its ARN, which says the region.
        policy: time-outs and tries.
    """

    arn: str
    policy: AwsPolicy = field(default=_POLICY)

    def send(self, title: str, body: str, attachment: Path | None = None) -> None:  # noqa: ARG002 - SNS carries text
        """Publish title and text; SNS takes no files."""
        region = self.arn.split(":")[3]
        client = open_client("sns", self.policy, region=region)
        subject = "".join(sign if sign.isascii() and sign.isprintable() else "?" for sign in title)
        text = body.encode()[:_TEXT_BYTES].decode("utf-8", "ignore") or title
        call(
            f"Publishing to {self.arn}",
            lambda: client.publish(TopicArn=self.arn, Subject=subject[:_SUBJECT_CHARACTERS], Message=text),
            self.policy,
        )


@dataclass(frozen=True)
class Mail:
    """Mail by SES.

    Attributes:
        sender: whom it comes from; SES has to know the address or its domain.
        to: whom it goes to.
        region: SES's region; that of the environment where none is named.
        policy: time-outs and tries.
    """

    sender: str
    to: tuple[str, ...]
    region: str | None = None
    policy: AwsPolicy = field(default=_POLICY)

    def send(self, title: str, body: str, attachment: Path | None = None) -> None:
        """Mail title and text, and the file unless it is too large for mail."""
        client = open_client("sesv2", self.policy, region=self.region)
        content = {"Raw": {"Data": self.mail(title, body, attachment).as_bytes()}}
        call(
            f"Mailing from {self.sender} by SES",
            lambda: client.send_email(
                FromEmailAddress=self.sender, Destination={"ToAddresses": list(self.to)}, Content=content
            ),
            self.policy,
        )

    def mail(self, title: str, body: str, attachment: Path | None) -> EmailMessage:
        """The mail as it travels."""
        mail = EmailMessage()
        mail["Subject"] = " ".join(title.split())
        mail["From"], mail["To"] = self.sender, ", ".join(self.to)
        is_attached = attachment is not None and attachment.stat().st_size <= _ATTACHED_BYTES
        note = "" if is_attached or attachment is None else f"\n\n{attachment.name} is too large for mail."
        mail.set_content(body + note, cte="base64")
        if attachment is not None and is_attached:
            mail.add_attachment(attachment.read_bytes(), "text", "html", filename=attachment.name)
        return mail


def open_channel(address: str) -> Channel | None:
    """The channel of an address of ours; None where it is another's, such as ``sns://`` of apprise.

    Raises:
        PermanentError: it begins like one of ours and is none.
    """
    scheme, _, rest = address.partition(":")
    if scheme not in {"sns", "ses"} or rest.startswith("//"):
        return None
    if scheme == "sns":
        if _TOPIC.fullmatch(rest):
            return Topic(rest)
        raise _unreadable("sns:ARN-of-a-topic")
    to, _, query = rest.partition("?")
    options = {name: values[-1] for name, values in parse_qs(query).items()}
    sender, region = options.pop("from", ""), options.pop("region", None)
    mailboxes = tuple(filter(None, to.split(",")))
    if options or not mailboxes or not all(_MAILBOX.fullmatch(one) for one in (sender, *mailboxes)):
        raise _unreadable("ses:TO[,TO]?from=SENDER[&region=REGION]")
    return Mail(sender, mailboxes, region)


def _unreadable(form: str) -> PermanentError:
    return PermanentError(
        f"Reading an address that begins with {form[:4]}",
        f"it is not written {form}",
        "Correct BILLSYNC_ALERT_URLS or BILLSYNC_REPORT_URLS; docs/how-to/aws.md has examples.",
    )
