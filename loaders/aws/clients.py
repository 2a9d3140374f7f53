"""How AWS is called: one factory of clients with time-outs, and one rule for what is tried again.

What belongs here: making a client, repeating a call inside a budget, and turning what botocore raises into the two
kinds of failure a caller can act on. What stays out: any one service.

botocore (boto3's own core) finds credentials, region and ``AWS_ENDPOINT_URL`` by their usual names; no key is ever an
argument of ours. Its own retries are off, so that a call is repeated in one layer only. It is imported when a client is
made: that takes most of a second, which a day without AWS need not pay.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_random_exponential

from loaders.errors import TRANSIENT_STATUSES, LoaderError, PermanentError, TransientError, certificate_failure

Result = TypeVar("Result")

_ENDPOINT_NAMES: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_THROTTLED: Final = frozenset({
    "SlowDown", "Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException",
    "RequestLimitExceeded", "RequestThrottled", "LimitExceededException", "KMSThrottlingException",
})  # fmt: skip
_NOT_NOW: Final = frozenset({
    "ServiceUnavailable", "ServiceUnavailableException", "ServiceException", "InternalError", "InternalFailure",
    "InternalServiceError", "InternalServerError", "RequestTimeout", "OperationAborted", "ConditionalRequestConflict",
    "ResourceConflictException", "ResourceNotReadyException",
})  # fmt: skip
_REFUSED: Final[dict[str, tuple[str, str]]] = {}


def _refuse(codes: str, why: str, remedy: str) -> None:
    _REFUSED.update(dict.fromkeys(codes.split(), (why, remedy)))


_refuse(
    "InvalidAccessKeyId SignatureDoesNotMatch InvalidClientTokenId UnrecognizedClientException IncompleteSignature "
    "InvalidSignatureException AuthFailure InvalidToken MissingAuthenticationToken AuthorizationQueryParametersError",
    "AWS does not accept these credentials",
    "Check which credentials this process finds: aws sts get-caller-identity.",
)
_refuse(
    "ExpiredToken ExpiredTokenException TokenRefreshRequired RequestExpired",
    "the credentials have expired",
    "Sign in again, or let the process use a role, whose credentials renew themselves.",
)
_refuse(
    "AccessDenied AccessDeniedException AllAccessDisabled AuthorizationError AuthorizationErrorException Forbidden 403",
    "these credentials may not do this",
    "Give the role the permission; docs/how-to/aws.md lists each one that is needed.",
)
_refuse("NoSuchBucket", "there is no such bucket", "Check the bucket's name in the settings, and the account.")
_refuse(
    "NoSuchKey NoSuchVersion 404",
    "there is no such object: it was deleted or never there",
    "Nothing was lost here: the next run takes what is there then.",
)
_refuse(
    "ResourceNotFoundException ParameterNotFound NotFound NotFoundException",
    "AWS has nothing of that name",
    "Check the name in the settings, the region and the account.",
)
_refuse(
    "PermanentRedirect AuthorizationHeaderMalformed IllegalLocationConstraintException 301",
    "it is in another region",
    "Set AWS_DEFAULT_REGION to the region it is in.",
)
_refuse(
    "MessageRejected MailFromDomainNotVerifiedException AccountSuspendedException SendingPausedException",
    "SES does not send this mail",
    "Verify the sender's address or domain in SES in this region, and leave SES's sandbox.",
)
_refuse(
    "InvalidObjectState",
    "the object lies in an archive class and cannot be read",
    "Restore it, and run again; a landing's lifecycle rule must wait until files are read.",
)
_refuse("RequestTimeTooSkewed", "this machine's clock is wrong", "Set the clock; AWS allows fifteen minutes.")
_refuse(
    "BadDigest XAmzContentChecksumMismatch InvalidDigest XAmzContentSHA256Mismatch",
    "what arrived at AWS is not what was sent: the checksums differ",
    "Run again; if it lasts, look at the proxy in between.",
)

# What botocore raises before or without an answer, by class name: the classes are imported with the first client.
_NO_ANSWER: Final = frozenset({
    "EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError", "HTTPClientError",
    "ResponseStreamingError", "IncompleteReadError", "ConnectionError", "ProtocolError",
})  # fmt: skip
_UNUSABLE: Final[dict[str, tuple[str, str]]] = {
    "NoCredentialsError": ("no credentials are found", "Give this process a role, or set the usual AWS names."),
    "PartialCredentialsError": ("the credentials are not complete", "Set both the key id and the secret key."),
    "CredentialRetrievalError": ("the credentials cannot be fetched", "Check the role or the sign-in of this process."),
    "TokenRetrievalError": ("the sign-in has expired", "Sign in again: aws sso login."),
    "UnauthorizedSSOTokenError": ("the sign-in has expired", "Sign in again: aws sso login."),
    "ProfileNotFound": ("AWS_PROFILE names no profile", "Correct AWS_PROFILE or the AWS configuration file."),
    "NoRegionError": ("no region is set", "Set AWS_DEFAULT_REGION."),
    "ProxyConnectionError": ("the proxy does not answer", "Check HTTPS_PROXY and NO_PROXY."),
    "FlexibleChecksumError": (
        "what arrived is not what was stored: the checksums differ",
        "Run again; if it stays so, the object is damaged: ask for it again.",
    ),
}


@dataclass(frozen=True)
class AwsPolicy:
    """Limits of calls to AWS.

    Attributes:
        connect_timeout_seconds: time to get a connection.
        read_timeout_seconds: longest silence while an answer arrives.
        budget_seconds: longest time one call may take, all tries and waits included.
        max_attempts: tries in all.
        first_wait_seconds: scale of the growing, random waits.
        max_wait_seconds: longest single wait.
    """

    connect_timeout_seconds: float = 5.0
    read_timeout_seconds: float = 30.0
    budget_seconds: float = 120.0
    max_attempts: int = 8
    first_wait_seconds: float = 0.2
    max_wait_seconds: float = 20.0


def open_client(service: str, policy: AwsPolicy | None = None, *, region: str | None = None) -> Any:
    """Make a client of a service.

    Args:
        service: botocore's name of it, such as ``s3``.
        policy: time-outs.
        region: region, where a name (an ARN) says it; otherwise that of the environment.

    Raises:
        PermanentError: no region, or a profile that does not exist.
    """
    import botocore.session  # noqa: PLC0415 - see module
    from botocore.config import Config  # noqa: PLC0415 - see module
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - see module

    limits = policy or AwsPolicy()
    # A stand-in under a host name seldom answers for bucket.host; Amazon's own addresses are chosen by botocore.
    style = "path" if any(os.environ.get(name) for name in _ENDPOINT_NAMES) else "auto"
    config = Config(
        connect_timeout=limits.connect_timeout_seconds,
        read_timeout=limits.read_timeout_seconds,
        retries={"total_max_attempts": 1, "mode": "standard"},
        s3={"addressing_style": style},
        tcp_keepalive=True,
        user_agent_extra="billsync",
    )
    try:
        session = botocore.session.get_session()
        session.register_component("data_loader", _loader())
        return session.create_client(service, region_name=region, config=config)
    except (BotoCoreError, ValueError) as error:
        raise failure_of(f"Reaching AWS {service}", error) from None


@cache
def _loader() -> Any:
    """What reads the descriptions of services: kept, as reading them takes most of the time that a client takes.

    Sessions are not kept: they would keep credentials and endpoint too.
    """
    import botocore.loaders  # noqa: PLC0415 - see module

    return botocore.loaders.create_loader()


def call(what: str, operation: Callable[[], Result], policy: AwsPolicy | None = None) -> Result:
    """Carry out a call, again where that can help, inside the policy's tries and time.

    Args:
        what: what is attempted, for the message.
        operation: the call; safe to repeat.
        policy: the limits.

    Raises:
        TransientError: still failing when tries or time ran out.
        PermanentError: what no repetition changes.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - see module
    from urllib3.exceptions import HTTPError  # noqa: PLC0415 - see module

    limits = policy or AwsPolicy()
    deadline = time.monotonic() + limits.budget_seconds

    def attempt() -> Result:
        try:
            return operation()
        except (BotoCoreError, ClientError, HTTPError) as error:
            # Without the cause: its text may hold a signed address.
            raise failure_of(what, error) from None

    def must_stop(state: RetryCallState) -> bool:
        is_out_of_time = time.monotonic() + state.upcoming_sleep >= deadline
        return is_out_of_time or stop_after_attempt(limits.max_attempts)(state)

    retrying = Retrying(
        retry=retry_if_exception_type(TransientError),
        wait=wait_random_exponential(multiplier=limits.first_wait_seconds, max=limits.max_wait_seconds),
        stop=must_stop,
        reraise=True,
    )
    return retrying(attempt)


def failure_of(what: str, error: Exception) -> LoaderError:
    """The typed failure of what botocore, or urllib3 below it, raised."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return _refusal(what, response)
    kinds = [kind.__name__ for kind in type(error).__mro__]
    if type(error).__module__.startswith("urllib3"):
        # Not wrapped by botocore: it comes of a body that is being read.
        return TransientError(what, f"the answer was cut off ({kinds[0]})", outcome_unknown=True)
    if "SSLError" in kinds:
        return PermanentError(what, *certificate_failure(error, "Name the authority's file in AWS_CA_BUNDLE"))
    for kind in kinds:
        if kind in _UNUSABLE:
            return PermanentError(what, *_UNUSABLE[kind])
    if any(kind in _NO_ANSWER for kind in kinds):
        return TransientError(what, f"no whole answer ({type(error).__name__})", outcome_unknown=True)
    return PermanentError(
        what, f"the call is not valid ({type(error).__name__}: {error})", "Check the names in the settings."
    )


def _refusal(what: str, response: dict[str, Any]) -> LoaderError:
    """The failure of an answer that says no."""
    code = str(response.get("Error", {}).get("Code", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    told = " ".join(str(response.get("Error", {}).get("Message", "")).split())[:200]
    if code in _THROTTLED or code in _NOT_NOW or (code not in _REFUSED and status in {500, *TRANSIENT_STATUSES}):
        why = "AWS asks for fewer requests" if code in _THROTTLED else "AWS cannot do it now"
        return TransientError(what, f"{why} ({code or status})", status=status)
    why, remedy = _REFUSED.get(code, ("AWS refuses", "See the code in AWS's documentation of the call."))
    return PermanentError(what, f"{why} ({code or status}{': ' + told if told else ''})", remedy, status=status)


def error_code(error: Exception) -> str:
    """The code in an answer of AWS; empty when there was none."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""
