"""The Terraform files: what they name exists, what they allow is what is needed, nothing is open."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import boto3
import pytest

from tests.aws_stand_in import ENVIRONMENT, moto_server
from tests.unit.deploy.terraform_files import Module, references

ACCOUNT: Final = "123456789012"
ARN: Final = "arn:aws:{service}:ap-southeast-2:" + ACCOUNT + ":{name}"
LANDING: Final = f"billsync-prod-landing-{ACCOUNT}"
RECORDS: Final = f"billsync-prod-records-{ACCOUNT}"
# What only AWS or a person knows.
GIVEN: Final = {
    "var.environment": "prod",
    "var.eks_cluster": "retail",
    "var.dagster_principals": [f"arn:aws:iam::{ACCOUNT}:role/batch"],
    "var.senders": [f"arn:aws:iam::{ACCOUNT}:role/network-files"],
    "var.ses_identity_arn": ARN.format(service="ses", name="identity/example.com"),
    "data.aws_caller_identity.current.account_id": ACCOUNT,
    "data.aws_partition.current.partition": "aws",
    "aws_s3_bucket.landing.arn": f"arn:aws:s3:::{LANDING}",
    "aws_s3_bucket.records.arn": f"arn:aws:s3:::{RECORDS}",
    "aws_s3_bucket.landing.bucket": LANDING,
    "aws_s3_bucket.records.bucket": RECORDS,
    "aws_sqs_queue.arrivals.arn": ARN.format(service="sqs", name="billsync-prod-arrivals"),
    "aws_lambda_function.extract.arn": ARN.format(service="lambda", name="function:billsync-prod-extract"),
    "aws_cloudwatch_log_group.extract.arn": ARN.format(service="logs", name="log-group:/aws/lambda/x"),
    "aws_cloudwatch_metric_alarm.failed_arrivals.arn": ARN.format(service="cloudwatch", name="alarm:x"),
    "aws_sns_topic.alerts.arn": ARN.format(service="sns", name="billsync-prod-alerts"),
    "aws_kms_key.this.arn": ARN.format(service="kms", name="key/1"),
    "[for secret in aws_secretsmanager_secret.this : secret.arn]": [
        ARN.format(service="secretsmanager", name="secret:billsync-prod/sap-password-AbCdEf")
    ],
    "each.value.arn": f"arn:aws:s3:::{LANDING}",
}
# Of a key policy and of a bucket, a queue or a topic: these say who else may.
RESOURCE_POLICIES: Final = ("key", "bucket", "arrivals", "alerts")
ROLE_POLICIES: Final = ("extract", "dagster")
TRUST_POLICIES: Final = ("lambda_trust", "dagster_trust")


@pytest.fixture(scope="module")
def module() -> Module:
    read = Module.read()
    read.given.update(GIVEN)
    return read


def allowed(policy: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in policy["Statement"] if one["Effect"] == "Allow"]


def test_terraform_every_name_in_an_expression_is_declared(module: Module) -> None:
    named = {name for block in module.blocks for name in references(block.body)}
    assert named - module.addresses == set()


def test_terraform_every_variable_and_local_is_used(module: Module) -> None:
    used = {name for block in module.blocks if block.kind != "variable" for name in references(block.body)}
    declared = {name for name in module.addresses if name.startswith(("var.", "local."))}
    assert declared - used == set()


def test_terraform_resources_depend_on_each_other_without_a_circle(module: Module) -> None:
    needs = {block.address: references(block.body) for block in module.blocks if block.kind in {"resource", "data"}}
    needs |= {f"local.{name}": references(value) for name, value in module.locals.items()}
    while needs:
        ready = {name for name, others in needs.items() if not others & needs.keys()}
        assert ready, f"these wait for each other: {sorted(needs)}"
        needs = {name: others for name, others in needs.items() if name not in ready}


def test_terraform_versions_bound_terraform_and_provider(module: Module) -> None:
    (settings,) = module.of_kind("terraform")
    assert settings.body["required_version"] == ">= 1.6"
    (providers,) = settings.body["required_providers"]
    assert providers["aws"]["source"] == "hashicorp/aws"
    assert "<" in providers["aws"]["version"]


def test_terraform_variables_and_outputs_say_what_they_are(module: Module) -> None:
    without = [
        one.address
        for kind in ("variable", "output")
        for one in module.of_kind(kind)
        if not one.body.get("description")
    ]
    assert without == []


@pytest.mark.parametrize("name", [*ROLE_POLICIES, *RESOURCE_POLICIES, *TRUST_POLICIES])
def test_policy_allows_no_action_by_pattern(module: Module, name: str) -> None:
    actions = [action for one in allowed(module.policy(name)) for action in one["Action"]]
    assert actions
    assert [action for action in actions if "*" in action or "?" in action] == []


@pytest.mark.parametrize("name", ROLE_POLICIES)
def test_role_policy_allows_nothing_on_every_resource(module: Module, name: str) -> None:
    for one in allowed(module.policy(name)):
        for resource in one["Resource"]:
            assert resource.startswith("arn:aws:"), resource
            # A pattern only at the end, below a prefix of our own.
            assert "*" not in resource[:-1], resource
            assert resource.split(":", 5)[5] != "*", resource


def test_role_policies_delete_and_overwrite_no_delivery(module: Module) -> None:
    for name in ROLE_POLICIES:
        for one in allowed(module.policy(name)):
            assert not {action for action in one["Action"] if "Delete" in action} - {"sqs:DeleteMessage"}
            writes = [resource for resource in one["Resource"] if "s3:PutObject" in one["Action"]]
            assert [resource for resource in writes if LANDING in resource] == []


@pytest.mark.parametrize("name", ["bucket", "arrivals", "alerts"])
def test_resource_policy_refuses_without_tls(module: Module, name: str) -> None:
    refusals = [one for one in module.policy(name)["Statement"] if one["Effect"] == "Deny"]
    assert [one["Condition"] for one in refusals] == [{"Bool": {"aws:SecureTransport": ["false"]}}]
    assert refusals[0]["Principal"] == {"*": ["*"]}


def test_resource_policies_let_services_in_only_for_this_account(module: Module) -> None:
    for name in RESOURCE_POLICIES:
        for one in allowed(module.policy(name)):
            if "Service" in one["Principal"]:
                variables = {variable for test in one["Condition"].values() for variable in test}
                assert variables & {"aws:SourceArn", "aws:SourceAccount", "kms:EncryptionContext:aws:logs:arn"}, one


def test_trust_names_nobody_by_pattern(module: Module) -> None:
    for name in TRUST_POLICIES:
        for one in module.policy(name)["Statement"]:
            assert "*" not in json.dumps(one["Principal"])


def test_buckets_are_versioned_encrypted_and_closed(module: Module) -> None:
    buckets = {block.labels[1] for block in module.of_kind("resource", "aws_s3_bucket")}
    assert set(module.locals["buckets"]) == buckets == {"landing", "records"}
    for kind in ("versioning", "server_side_encryption_configuration", "public_access_block", "policy"):
        assert module.resource(f"aws_s3_bucket_{kind}", "this")["for_each"] == "${local.buckets}"
    closed = module.resource("aws_s3_bucket_public_access_block", "this")
    switches = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
    assert all(closed[switch] is True for switch in switches)
    assert module.resource("aws_s3_bucket_versioning", "this")["versioning_configuration"] == [{"status": "Enabled"}]
    for name in buckets:
        assert module.resource("aws_s3_bucket_lifecycle_configuration", name)["rule"]
        assert module.resource("aws_s3_bucket", name)["lifecycle"] == [{"prevent_destroy": True}]


def test_messages_secrets_and_logs_use_the_key(module: Module) -> None:
    key = "${aws_kms_key.this.arn}"
    for block in module.of_kind("resource", "aws_sqs_queue"):
        assert block.body["kms_master_key_id"] == key
    assert module.resource("aws_sns_topic", "alerts")["kms_master_key_id"] == key
    assert module.resource("aws_secretsmanager_secret", "this")["kms_key_id"] == key
    assert module.resource("aws_cloudwatch_log_group", "extract")["kms_key_id"] == key
    assert module.resource("aws_kms_key", "this")["enable_key_rotation"] is True


def test_secrets_have_no_value_in_the_state(module: Module) -> None:
    assert module.of_kind("resource", "aws_secretsmanager_secret_version") == []
    assert {one["type"] for one in [module.resource("aws_ssm_parameter", "this")]} == {"String"}


def test_arrivals_reach_the_function_and_failures_wait(module: Module) -> None:
    notification = module.resource("aws_s3_bucket_notification", "landing")["queue"][0]
    assert notification["queue_arn"] == "${aws_sqs_queue.arrivals.arn}"
    assert module.fill(notification["filter_prefix"]) == "nem12/"
    mapping = module.resource("aws_lambda_event_source_mapping", "arrivals")
    assert mapping["event_source_arn"] == "${aws_sqs_queue.arrivals.arn}"
    # The handler tells which messages failed; without this, one failure would bring all of them again.
    assert mapping["function_response_types"] == ["ReportBatchItemFailures"]
    assert (
        "aws_sqs_queue.failed_arrivals.arn"
        in module.resource("aws_sqs_queue_redrive_policy", "arrivals")["redrive_policy"]
    )
    waits = module.resource("aws_sqs_queue", "arrivals")["visibility_timeout_seconds"]
    assert waits == "${6 * local.function_seconds}"
    assert module.resource("aws_lambda_function", "extract")["timeout"] == "${local.function_seconds}"


def test_function_has_the_handler_and_the_settings_that_it_reads(module: Module) -> None:
    from loaders.aws import function

    written = module.resource("aws_lambda_function", "extract")
    assert written["handler"] == f"{function.__name__}.{function.handler.__name__}"
    variables = module.fill(written["environment"][0]["variables"])
    assert variables["BILLSYNC_LANDING"] == f"s3://{LANDING}"
    prefixes = {"BILLSYNC_EXTRACT_OUTPUT": "extracted", "BILLSYNC_ARCHIVE": "archive"}
    for name, prefix in prefixes.items():
        assert variables[name].startswith(f"s3://{RECORDS}/")
        assert module.locals[f"{prefix}_prefix"] == f"{prefix}/"
        assert f"local.{prefix}_prefix" in variables[name]


def test_settings_that_are_put_out_are_settings_of_billsync(module: Module) -> None:
    from billsync.settings import NAMES

    (output,) = (one for one in module.of_kind("output") if one.labels == ("settings",))
    known = {name.name for name in NAMES}
    assert {name for name in output.body["value"] if name.startswith("BILLSYNC_")} <= known


@pytest.fixture(scope="module")
def iam() -> Iterator[Any]:
    with moto_server() as url, pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        yield boto3.client("iam", endpoint_url=url)


@pytest.mark.parametrize("name", ROLE_POLICIES)
def test_role_policy_is_one_that_iam_takes(module: Module, iam: Any, name: str) -> None:
    document = module.policy(name)
    iam.create_policy(PolicyName=name, PolicyDocument=json.dumps(document))
    # The same check refuses a document that is wrong.
    document["Statement"][0]["Resource"] = ["landing"]
    with pytest.raises(iam.exceptions.MalformedPolicyDocumentException):
        iam.create_policy(PolicyName=f"{name}-wrong", PolicyDocument=json.dumps(document))
