"""The one refusal: what is wrong, where, and what to do (protocol §6).

Knows nothing of the shape in which a contract tells it.
"""

from typing import ClassVar, Literal


class Problem(Exception):
    """A request that is refused, or a run that fails.

    status
        the HTTP status.
    code
        the machine-readable code of protocol §6, or None where the standard has none.
    message
        a sentence for a person; never a prompt, an output or a secret.
    param
        the path of the offending field (`input[2].content`), or None.
    retry_after
        seconds after which a retry makes sense, or None.
    retry
        what the client's SDK should do, told as `x-should-retry`; None leaves it to the SDK.
    place
        the part of the request that `param` belongs to.
    """

    place: ClassVar[Literal["body", "query"]] = "body"

    def __init__(
        self,
        status: int,
        code: str | None,
        message: str,
        *,
        param: str | None = None,
        retry_after: float | None = None,
        retry: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.retry_after = retry_after
        self.retry = retry

    def __repr__(self) -> str:
        return f"Problem({self.status}, {self.code!r}, {self.message!r}, param={self.param!r})"

    @property
    def type(self) -> str:
        """The `type` of the error object for this status (protocol §6, table)."""
        if self.code == "server_error":  # whatever the status: an upstream's 409 has nothing to do with keys
            return "server_error"
        return ERROR_TYPE.get(self.status) or ("server_error" if self.status >= 500 else "invalid_request_error")


class BadQuery(Problem):
    """A 400 for a value of the query string; `param` is its name."""

    place = "query"

    def __init__(self, message: str, param: str) -> None:
        super().__init__(400, "invalid_value", message, param=param)


ERROR_TYPE = {401: "authentication_error", 403: "permission_error", 409: "idempotency_error", 429: "rate_limit_error"}
