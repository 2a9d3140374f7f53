"""Alerts and reports by SNS and SES, and reports kept in S3 under keys that never change their content."""

from __future__ import annotations

import base64
import email
import email.policy
import json
from datetime import date
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from billsync.alerts import Alert, AlertNotSentError, send_once
from billsync.doctor import examine
from billsync.report.publication import publish, report_name
from billsync.settings import Settings, load_settings
from loaders.archive import sha256_of
from loaders.aws import messages
from loaders.aws.clients import AwsPolicy, open_client
from loaders.aws.messages import Mail, Topic, open_channel
from loaders.errors import PermanentError
from loaders.operational_db import open_engine, upgrade
from tests.alert_receiver import serving
from tests.aws_stand_in import Proxy

DAY = date(2026, 3, 5)
ALERT = Alert(("check", "usage", "2026-03-05"), "a check failed … usage\nof March", "the password is hunter2")
SENDER = "billsync@retailer.example"
MAIL = f"ses:ops@retailer.example,second@retailer.example?from={SENDER}"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = AwsPolicy(budget_seconds=2, max_attempts=3, first_wait_seconds=0.01)
    for kind in (Topic, Mail):
        monkeypatch.setattr(kind, "policy", policy)
        monkeypatch.setattr(kind.__init__, "__defaults__", (*kind.__init__.__defaults__[:-1], policy))


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    found = open_engine(f"sqlite:///{tmp_path}/ledger.db")
    upgrade(found)
    return found


class Topics:
    """A topic, and a queue that hears of everything."""

    def __init__(self) -> None:
        self.sqs, sns = open_client("sqs"), open_client("sns")
        self.arn = sns.create_topic(Name="alerts")["TopicArn"]
        self.queue = self.sqs.create_queue(QueueName="heard")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=arn)

    def heard(self) -> list[dict[str, str]]:
        found = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(one["Body"]) for one in found]


@pytest.fixture
def topics(aws: Proxy) -> Topics:
    return Topics()


def mails() -> list[EmailMessage]:
    """What SES was given, as the stand-in keeps it in this process."""
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.ses.models import ses_backends

    sent = ses_backends[DEFAULT_ACCOUNT_ID]["ap-southeast-2"].sent_messages
    return [email.message_from_string(one.raw_data, policy=email.policy.default) for one in sent]  # type: ignore[misc]


@pytest.fixture
def verified(aws: Proxy) -> None:
    open_client("ses").verify_email_identity(EmailAddress=SENDER)


def test_alert_is_published_to_a_topic_once_and_without_secrets(engine: Engine, topics: Topics) -> None:
    answers = [send_once(engine, [f"sns:{topics.arn}"], ALERT, ["hunter2"]) for _ in range(2)]
    assert answers == ["sent", "repeated"]
    (heard,) = topics.heard()
    assert (heard["Subject"], heard["Message"]) == ("a check failed ? usage?of March", "the password is ***")


def test_alert_longer_than_a_topic_takes_is_shortened(engine: Engine, topics: Topics) -> None:
    long = Alert(("x",), "t" * 300, "ü" * 200_000)
    assert send_once(engine, [f"sns:{topics.arn}"], long) == "sent"


def test_alert_is_mailed_to_everybody_named(engine: Engine, verified: None) -> None:
    assert send_once(engine, [MAIL], ALERT) == "sent"
    (mail,) = mails()
    assert mail["Subject"] == "a check failed … usage of March"
    assert (mail["From"], mail["To"]) == (SENDER, "ops@retailer.example, second@retailer.example")
    assert mail.get_content().strip() == ALERT.body


def test_mail_of_a_sender_that_ses_does_not_know_says_so_and_is_sent_when_it_does(engine: Engine, aws: Proxy) -> None:
    with pytest.raises(AlertNotSentError, match=r"SES does not send this mail .*Verify the sender's address"):
        send_once(engine, [MAIL], ALERT)
    open_client("ses").verify_email_identity(EmailAddress=SENDER)
    assert send_once(engine, [MAIL], ALERT) == "sent"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("AuthorizationError", "may not do this"),
        ("NotFound", "nothing of that name"),
        ("Throttling", "fewer requests"),
        ("ExpiredToken", "have expired"),
    ],
)
def test_topic_that_refuses_says_why_and_the_alert_is_sent_later(
    engine: Engine, topics: Topics, aws: Proxy, code: str, words: str
) -> None:
    aws.fail("POST", "/", status=400, code=code, speaks="query", times=9)
    with pytest.raises(AlertNotSentError, match=f"sns: Publishing to {topics.arn}.*{words}"):
        send_once(engine, [f"sns:{topics.arn}"], ALERT)
    aws.faults.clear()
    assert send_once(engine, [f"sns:{topics.arn}"], ALERT) == "sent"
    assert len(topics.heard()) == 1


def test_throttling_that_passes_is_waited_out(engine: Engine, topics: Topics, aws: Proxy) -> None:
    aws.fail("POST", "/", status=400, code="Throttling", speaks="query", times=2)
    assert send_once(engine, [f"sns:{topics.arn}"], ALERT) == "sent"


def test_alert_that_one_of_several_channels_took_is_not_repeated_there(
    engine: Engine, topics: Topics, caplog: pytest.LogCaptureFixture
) -> None:
    with serving() as receiver:
        answers = [send_once(engine, [receiver.url, MAIL, f"sns:{topics.arn}"], ALERT) for _ in range(2)]
        assert answers == ["sent", "repeated"]
        assert len(receiver.posts) == len(topics.heard()) == 1
    assert "1 of 3 channels did not take" in caplog.text


@pytest.mark.parametrize(
    "address",
    [
        "sns:alerts",
        "sns:arn:aws:sqs:ap-southeast-2:123456789012:queue",
        "ses:ops@retailer.example",
        "ses:?from=a@b.example",
        "ses:ops@retailer.example?from=a@b.example&secret=hunter2",
    ],
)
def test_address_that_is_none_is_refused_unseen(engine: Engine, address: str) -> None:
    with pytest.raises(AlertNotSentError, match=r"is not written s[ne]s:") as caught:
        send_once(engine, [address], ALERT)
    assert "hunter2" not in str(caught.value)


def test_addresses_of_apprise_stay_with_apprise() -> None:
    assert open_channel("sns://key/secret/region/#topic") is None
    assert open_channel("json://127.0.0.1/") is None


def test_topic_is_spoken_to_in_its_own_region(aws: Proxy) -> None:
    arn = open_client("sns", region="us-west-2").create_topic(Name="far")["TopicArn"]
    channel = open_channel(f"sns:{arn}")
    assert channel
    channel.send("t", "b")


def made_report(folder: Path, text: str = "<html>a</html>") -> Path:
    path = folder / "report.html"
    path.write_text(text, encoding="utf-8")
    return path


def settings_with(**values: str) -> Settings:
    return load_settings({"BILLSYNC_ENV": "test", **{f"BILLSYNC_{name}": text for name, text in values.items()}})


def test_report_is_kept_once_with_its_checksum_and_nothing_overwrites_it(
    s3: Any, engine: Engine, tmp_path: Path
) -> None:
    path, settings = made_report(tmp_path), settings_with(REPORTS="s3://landing/kept")
    facts = [publish(engine, settings, {DAY: path}, "done") for _ in range(2)]
    key = f"kept/{report_name(DAY, path)}"
    assert facts == [{"kept at": f"s3://landing/{key}"}] * 2
    assert [one["Key"] for one in s3.list_objects_v2(Bucket="landing")["Contents"]] == [key]
    head = s3.head_object(Bucket="landing", Key=key, ChecksumMode="ENABLED")
    assert head["ContentType"] == "text/html"
    assert base64.b64decode(head["ChecksumSHA256"]) == sha256_of(path)
    s3.put_object(Bucket="landing", Key=key, Body=b"of somebody else")
    with pytest.raises(PermanentError, match="nothing is ever overwritten"):
        publish(engine, settings, {DAY: path}, "done")
    publish(engine, settings, {DAY: made_report(tmp_path, "<html>b</html>")}, "done")
    assert len(s3.list_objects_v2(Bucket="landing")["Contents"]) == 2


def test_report_is_sent_once_for_what_it_says_with_the_file_and_where_it_is_kept(
    s3: Any, engine: Engine, verified: None, tmp_path: Path
) -> None:
    settings = settings_with(REPORTS="s3://landing/kept", REPORT_URLS=MAIL)
    path = made_report(tmp_path)
    assert publish(engine, settings, {DAY: path}, "**The day is done.**")["sent"] == "sent"
    assert publish(engine, settings, {DAY: path}, "**The day is done.**")["sent"] == "repeated"
    assert publish(engine, settings, {DAY: path}, "**One bill differs.**")["sent"] == "sent"
    first, second = mails()
    assert first["Subject"] == "billsync 2026-03-05: the report of the day"
    body = first.get_body()
    assert body
    assert "**The day is done.**" in body.get_content()
    assert f"s3://landing/kept/billing_day={DAY}/" in body.get_content()
    (attached,) = first.iter_attachments()
    assert (attached.get_filename(), attached.get_content()) == ("report.html", path.read_text())
    assert "One bill differs" in second.get_body().get_content()  # type: ignore[union-attr]


def test_report_too_large_for_mail_is_told_of_and_not_attached(
    verified: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    monkeypatch.setattr(messages, "_ATTACHED_BYTES", 10)
    publish(engine, settings_with(REPORT_URLS=MAIL), {DAY: made_report(tmp_path)}, "done")
    (mail,) = mails()
    assert list(mail.iter_attachments()) == []
    assert "too large for mail" in mail.get_content()


def test_report_that_could_not_be_kept_or_sent_fails_and_the_next_run_completes(
    s3: Any, engine: Engine, topics: Topics, aws: Proxy, tmp_path: Path
) -> None:
    settings = settings_with(REPORTS="s3://landing/kept", REPORT_URLS=f"sns:{topics.arn}")
    path = made_report(tmp_path)
    aws.fail("PUT", "kept/", status=403, code="AccessDenied")
    with pytest.raises(PermanentError, match=r"Storing s3://landing/kept.*may not do this"):
        publish(engine, settings, {DAY: path}, "done")
    aws.fail("POST", "/", status=403, code="AuthorizationError", speaks="query")
    with pytest.raises(AlertNotSentError):
        publish(engine, settings, {DAY: path}, "done")
    assert publish(engine, settings, {DAY: path}, "done")["sent"] == "sent"
    assert sha256_of(path).hex()[:16] in topics.heard()[0]["Message"]


def test_doctor_names_the_channels_and_refuses_what_is_none(tmp_path: Path) -> None:
    def told(urls: str) -> str:
        environ = {"BILLSYNC_HOME": str(tmp_path), "BILLSYNC_ALERT_URLS": urls}
        return " ".join(line for one in examine(environ) if one.what == "alerts" for line in one.lines())

    assert "go out by ses, json" in told(f"{MAIL} json://127.0.0.1:9/")
    assert "FAIL" in told("sns:alerts")


def test_doctor_looks_whether_buckets_are_there_and_names_what_the_function_lacks(s3: Any, tmp_path: Path) -> None:
    def told(**values: str) -> str:
        environ = {"BILLSYNC_HOME": str(tmp_path), **{f"BILLSYNC_{name}": text for name, text in values.items()}}
        return " ".join(line for one in examine(environ) for line in one.lines())

    assert "s3://landing/kept can be listed" in told(ARCHIVE="s3://landing/kept")
    assert "no such bucket" in told(REPORTS="s3://nowhere/x")
    assert "BILLSYNC_EXTRACT_FUNCTION is not set" in told(EXTRACT="lambda", EXTRACT_OUTPUT="s3://landing/x")
