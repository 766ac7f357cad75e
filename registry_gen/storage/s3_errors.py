"""What botocore and servers that speak S3 say when something fails, in our words.

Codes: Amazon S3 API Reference, "Error responses"; AWS STS API Reference, "Common Errors".
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from botocore import exceptions
from botocore.parsers import ResponseParserError

from registry_gen.errors import StorageError
from registry_gen.storage import codes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from registry_gen.errors import Code

LOST: Final = frozenset({"PreconditionFailed", "412"})
BUSY_KEY: Final = frozenset({"ConditionalRequestConflict", "OperationAborted"})
GONE: Final = frozenset({"NoSuchKey", "404", "NotFound"})
_LONGEST: Final = 80
"""Characters of a server's word that are shown; those that Amazon has are shorter."""
_LONGEST_KEY: Final = 1_024
_BODYLESS: Final = frozenset({"400", "403"})

_BY_CODE: Final[dict[str, Code]] = {
    **dict.fromkeys(("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"), codes.BAD_CREDENTIALS),
    **dict.fromkeys(("InvalidClientTokenId", "InvalidIdentityToken", "IDPRejectedClaim"), codes.BAD_CREDENTIALS),
    **dict.fromkeys(("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"), codes.EXPIRED_CREDENTIALS),
    **dict.fromkeys(("RequestTimeTooSkewed", "RequestExpired"), codes.CLOCK_SKEW),
    **dict.fromkeys(("AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect"), codes.WRONG_REGION),
    **dict.fromkeys(("301", "307", "IllegalLocationConstraintException"), codes.WRONG_REGION),
    **dict.fromkeys(("AccessDenied", "AllAccessDisabled", "AccountProblem", "403"), codes.NOT_ALLOWED),
    **dict.fromkeys(("SlowDown", "RequestTimeout", "TooManyRequests", "Throttling", "429"), codes.BUSY),
    **dict.fromkeys(("BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"), codes.WRONG_BYTES),
    **dict.fromkeys(("QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "507"), codes.NO_SPACE),
    **dict.fromkeys(BUSY_KEY, codes.BUSY),
    "NoSuchBucket": codes.NO_BUCKET,
}
_BY_CLASS: Final[tuple[tuple[type[Exception], Code], ...]] = (
    (exceptions.NoCredentialsError, codes.NO_CREDENTIALS),
    (exceptions.PartialCredentialsError, codes.NO_CREDENTIALS),
    (exceptions.CredentialRetrievalError, codes.NO_CREDENTIALS),
    (exceptions.TokenRetrievalError, codes.NO_CREDENTIALS),
    (exceptions.ProfileNotFound, codes.NO_CREDENTIALS),
    (exceptions.UnauthorizedSSOTokenError, codes.EXPIRED_CREDENTIALS),
    (exceptions.NoRegionError, codes.WRONG_REGION),
    (exceptions.HTTPClientError, codes.UNREACHABLE),
    (exceptions.ConnectionError, codes.UNREACHABLE),
    (exceptions.IncompleteReadError, codes.UNREACHABLE),
)


@contextmanager
def failing(where: str) -> Iterator[None]:
    """Turn what botocore raises into StorageError; ``where`` is the object or bucket that it is about."""
    try:
        yield
    except exceptions.ClientError as error:
        raise answered(error, where) from None
    except exceptions.BotoCoreError as error:
        raise _unasked(error, where) from None
    except OSError as error:  # of the file that holds a token; whatever the network does botocore tells itself
        found = f"no token: {error.strerror or type(error).__name__}"
        raise StorageError(codes.NO_CREDENTIALS, where=where, found=found, hint=codes.NO_CREDENTIALS.fix) from None
    except (ResponseParserError, LookupError, ValueError, TypeError, ArithmeticError):
        found = "an answer that is none of S3, perhaps of a proxy in between"
        raise StorageError(codes.FAILED, where=where, found=found, hint=codes.FAILED.fix) from None


def code_of(error: Any) -> str:
    """The server's word for what is wrong; of an answer without a body its status."""
    return str(error.response.get("Error", {}).get("Code", ""))


def says_nothing(error: Any) -> bool:
    """Whether the answer had no body that says why: those to HEAD have none."""
    return code_of(error) in _BODYLESS


def answered(error: Any, where: str) -> StorageError:
    """What an answer of the server means. No part of it that could hold a secret is repeated."""
    word = code_of(error)
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    code = _BY_CODE.get(word) or _BY_CODE.get(str(status)) or (codes.BUSY if status >= 500 else codes.FAILED)
    action = _action(error.operation_name)
    found = f"{word[:_LONGEST] or status} to {action}"
    expected = f"{action} to be allowed" if code is codes.NOT_ALLOWED else ""
    if code is codes.WRONG_REGION and (region := _region(error)):
        found = f"the region {region}"
    if code is codes.FAILED:
        found += f": {str(error.response.get('Error', {}).get('Message', ''))[:200]}"
    return StorageError(code, where=where, expected=expected, found=found, hint=code.fix)


def refused_key(errors: Sequence[Any], bucket: str) -> StorageError:
    """What the errors of an answer to DeleteObjects mean: the first one, and how many there are."""
    first = errors[0]
    word = str(first.get("Code", ""))
    code = _BY_CODE.get(word, codes.BUSY if word in ("InternalError", "ServiceUnavailable") else codes.FAILED)
    found = f"{word[:_LONGEST]} to s3:DeleteObject" + (f", for {len(errors)} objects" if len(errors) > 1 else "")
    return StorageError(code, where=f"{bucket}/{str(first.get('Key', ''))[:_LONGEST_KEY]}", found=found, hint=code.fix)


def _unasked(error: exceptions.BotoCoreError, where: str) -> StorageError:
    code = next((code for kind, code in _BY_CLASS if isinstance(error, kind)), codes.FAILED)
    # Only the kind of error is told: a text may quote a header, a token's file or an answer of a credential service.
    return StorageError(code, where=where, found=type(error).__name__, hint=code.fix)


def _action(operation: str) -> str:
    """The action of a policy that an operation needs."""
    if operation.startswith("AssumeRole"):
        return f"sts:{operation}"
    names = {
        "HeadObject": "GetObject",
        "ListObjectsV2": "ListBucket",
        "CopyObject": "PutObject",
        "DeleteObjects": "DeleteObject",
        "CreateMultipartUpload": "PutObject",
        "UploadPart": "PutObject",
        "CompleteMultipartUpload": "PutObject",
    }
    return f"s3:{names.get(operation, operation)}"


def _region(error: Any) -> str:
    told = error.response.get("Error", {}).get("Region")
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return str(told or headers.get("x-amz-bucket-region", ""))[:40]
