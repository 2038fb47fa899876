"""The model hub as a source: is it there, what is the file, and its bytes, from where an earlier try broke off.

Knows nothing of which file is the right one, nor of where it is kept.
"""

import hashlib
import os
import re
import socket
import threading
from dataclasses import dataclass
from typing import Any, Final, Self, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from antiphon import __version__
from antiphon.models.assembly import CHUNK, Assembly, Progress, Report, SourceFailed
from antiphon.models.catalogue import HubFile

CONNECT_SECONDS: Final = 3.0
"""How long the hub may take to be connected to, names looked up included."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Remote:
    """A file as the hub has it now. `size` is in bytes; `sha256` is None where the hub doesn't tell one."""

    url: str
    etag: str
    size: int

    @property
    def sha256(self) -> str | None:
        """The hub's sum of the file: for large files that is what its etag holds."""
        return self.etag if _SHA256.fullmatch(self.etag) else None

    @property
    def tag(self) -> str:
        """A short name for exactly this content, fit for a file's name."""
        return hashlib.sha256(self.etag.encode()).hexdigest()[:16]


def look_up(file: HubFile, patience: float) -> Remote:
    """What the hub says of the file. Its answer may take `patience` seconds once it is connected.

    The hub's address is HF_ENDPOINT's where set; HF_HUB_OFFLINE switches the hub off. Raises SourceFailed.
    """
    # Only the package's constants: the rest of it takes ten times as long to import.
    from huggingface_hub import constants

    if os.environ.get("HF_HUB_OFFLINE", "").upper() in constants.ENV_VARS_TRUE_VALUES or constants.HF_HUB_OFFLINE:
        raise SourceFailed("is switched off by HF_HUB_OFFLINE")
    endpoint = (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")
    _connect(endpoint)

    from huggingface_hub import file_download, hf_hub_url

    try:
        url = hf_hub_url(file.repo, file.file, endpoint=endpoint)
        found = file_download.get_hf_file_metadata(url, timeout=patience, headers=_headers(), endpoint=endpoint)
        if found.commit_hash is not None:
            # The very content that was looked up, also if the repository changes while it is fetched.
            url = hf_hub_url(file.repo, file.file, revision=found.commit_hash, endpoint=endpoint)
    except _faults() as fault:
        raise SourceFailed(_told(fault, file)) from fault
    if found.etag is None or found.size is None:
        raise SourceFailed(f"at {endpoint} does not answer as a model hub does")
    return Remote(url, found.etag, found.size)


def save(remote: Remote, assembly: Assembly, report: Report) -> None:
    """Write the rest of the file into the assembly, which has taken up what an earlier try left.

    A connection that breaks is taken up again some times. Raises SourceFailed, and OSError for a full disk.
    """
    # `hf_hub_download` would throw away what it has when it is stopped; this is the piece of it that can resume.
    from huggingface_hub import constants
    from huggingface_hub.file_download import http_get

    # What has come of a chunk is lost when the connection breaks, and ten megabytes may be more than it bears.
    constants.DOWNLOAD_CHUNK_SIZE = CHUNK
    total = remote.size

    class Bar:
        """Takes the place of the progress bar that the library would paint on the terminal."""

        def __init__(self, **settings: object) -> None:
            report(Progress(assembly.written, total, DOING))

        def update(self, count: int) -> None:
            report(Progress(min(assembly.written + max(count, 0), total), total, DOING))

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *fault: object) -> None:
            pass

    try:
        http_get(
            remote.url,
            assembly,
            resume_size=assembly.written,
            headers=_headers(),
            expected_size=total,
            tqdm_class=cast(Any, Bar),  # it asks for a tqdm and uses what Bar has
        )
    except _faults() as fault:
        if isinstance(fault, OSError) and fault.errno is not None:
            raise  # the disk's, not the network's: httpx has its own exceptions
        raise SourceFailed(f"broke off ({_first_line(fault)})") from fault


DOING: Final = "downloading from the model hub"


def _headers() -> dict[str, str]:
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # documented, but not listed as exported

    headers: dict[str, str] = build_hf_headers(library_name="antiphon", library_version=__version__)
    return headers


def _faults() -> tuple[type[Exception], ...]:
    """What a download may raise: the library's, its HTTP client's, and the system's."""
    from huggingface_hub.errors import HfHubHTTPError

    # The HTTP client changed its name between the library's versions; the library's error descends from its error.
    return (*(base for base in HfHubHTTPError.__bases__ if issubclass(base, Exception)), OSError, ValueError)


def _told(fault: Exception, file: HubFile) -> str:
    from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, RepositoryNotFoundError

    match fault:
        case GatedRepoError():
            return f"wants its terms for {file.repo} accepted first, and a token of that account in HF_TOKEN"
        case RepositoryNotFoundError():
            return f"has no repository {file.repo} that may be read without another token"
        case EntryNotFoundError():
            return f"has no file {file.file} in {file.repo}"
    return f"gave no answer to the question for the file ({_first_line(fault)})"


def _first_line(fault: Exception) -> str:
    text = str(fault).strip().splitlines()
    return text[0].rstrip(".") if text else type(fault).__name__


def _connect(endpoint: str) -> None:
    """Try whether the hub, or the proxy before it, can be connected to at all. Raises SourceFailed."""
    address = urlsplit(endpoint)
    proxy = getproxies().get(address.scheme)
    if proxy and not proxy_bypass(address.hostname or ""):
        address = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    host = address.hostname
    if host is None:
        raise SourceFailed(f"has no usable address ({endpoint!r})")
    port = address.port or (80 if address.scheme == "http" else 443)
    outcome: list[OSError | None] = []

    def attempt() -> None:
        try:
            socket.create_connection((host, port), timeout=CONNECT_SECONDS).close()
            outcome.append(None)
        except OSError as fault:
            outcome.append(fault)

    # In a thread, since looking up a name takes its own time and can't be told to hurry.
    thread = threading.Thread(target=attempt, name="hub-connect", daemon=True)
    thread.start()
    thread.join(CONNECT_SECONDS)
    if not outcome:
        raise SourceFailed(f"could not be reached within {CONNECT_SECONDS:.0f} s")
    if outcome[0] is not None:
        raise SourceFailed(f"could not be reached ({host}:{port}: {outcome[0].strerror or outcome[0]})")
