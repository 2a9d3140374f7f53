"""A landing in S3: which objects belong to which billing day, listed by ranges of keys.

Keys are ``<prefix>/nem12/billing_day=YYYY-MM-DD/<any name>``, as in a folder. A provider that cannot write into folders
delivers flat (``s3://bucket/prefix?layout=flat``): names begin with the billing day, ``<prefix>/nem12/2026-03-05…`` or
``<prefix>/nem12/20260305…``. Both sort by day, so that days are listed as a range of keys and nothing else is seen.

What belongs here: keys, days and ranges. What stays out: reading objects (``s3.py``) and what is in them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import IO, Final
from urllib.parse import parse_qsl, urlsplit

from loaders.aws.clients import AwsPolicy
from loaders.aws.s3 import Bucket, S3Object, S3Place
from loaders.errors import PermanentError
from loaders.sources.landing import DAY_PREFIX, FEED, DeliveredFile, day_of_folder

# Sorts behind every character that a key of the same day goes on with; for S3 itself a plain one near the end will do.
_LAST: Final = "\U0010ffff"
_NEARLY_LAST: Final = "~"
_ISO_LENGTH: Final = 10
_COMPACT_LENGTH: Final = 8


@dataclass(frozen=True)
class Form:
    """One way in which keys begin with their billing day.

    Attributes:
        prefix: what all such keys share.
        begin: the beginning of a day's keys.
        day_of: the day of a key; None when it is of another form.
    """

    prefix: str
    begin: Callable[[date], str]
    day_of: Callable[[str], date | None]


def _folder_begin(day: date) -> str:
    return f"{DAY_PREFIX}{day.isoformat()}/"


def _folder_day(name: str) -> date | None:
    folder, slash, _ = name.partition("/")
    return day_of_folder(folder) if slash else None


def _compact_begin(day: date) -> str:
    return f"{day:%Y%m%d}"


def _iso_day(name: str) -> date | None:
    return _date(name[:_ISO_LENGTH]) if name[4:5] == "-" else None


def _compact_day(name: str) -> date | None:
    digits = name[:_COMPACT_LENGTH]
    return _date(digits) if digits.isdecimal() and len(digits) == _COMPACT_LENGTH else None


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


LAYOUTS: Final[dict[str, tuple[Form, ...]]] = {
    "folders": (Form(DAY_PREFIX, _folder_begin, _folder_day),),
    "flat": (Form("", date.isoformat, _iso_day), Form("", _compact_begin, _compact_day)),
}


@dataclass(frozen=True)
class S3Landing:
    """A landing in a bucket.

    Attributes:
        place: bucket and prefix, which holds ``nem12/``.
        layout: ``folders`` or ``flat``.
        policy: time-outs and tries.
        stamps_follow_content: an ETag changes with the content, so that nothing need be read to see a change.
    """

    place: S3Place
    layout: str = "folders"
    policy: AwsPolicy = field(default_factory=AwsPolicy)
    stamps_follow_content: bool = field(default=True, init=False)
    _bucket: Bucket = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_bucket", Bucket(self.place.bucket, self.policy))

    @classmethod
    def parse(cls, address: str) -> S3Landing:
        """Read ``s3://bucket/prefix`` with an optional ``?layout=flat``.

        Raises:
            PermanentError: it is not such an address.
        """
        parts = urlsplit(address)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        layout = options.pop("layout", "folders")
        if options or layout not in LAYOUTS:
            raise PermanentError(
                f"Reading BILLSYNC_LANDING s3://{parts.hostname or ''}…",
                f"?{parts.query} is not understood",
                f"Write ?layout= and one of {', '.join(LAYOUTS)}, or nothing.",
            )
        return cls(S3Place.parse(parts._replace(query="").geturl()), layout)

    @property
    def address(self) -> str:
        """The landing as a setting names it."""
        return str(self.place) if self.layout == "folders" else f"{self.place}?layout={self.layout}"

    @property
    def forms(self) -> tuple[Form, ...]:
        """How keys begin with their day."""
        return LAYOUTS[self.layout]

    def list_days(self) -> list[date]:
        """Return the billing days that have deliveries, in order."""
        if self.layout == "folders":
            folders = self._bucket.list_folders(self._root + DAY_PREFIX)
            found = (day_of_folder(folder.removeprefix(self._root).rstrip("/")) for folder in folders)
            return sorted(day for day in found if day is not None)
        return sorted(self.list_between(date.min, date.max))

    def list_files(self, day: date) -> list[DeliveredFile]:
        """Return what was delivered for a day, in order of name; empty when nothing was."""
        return self.list_between(day, day).get(day, [])

    def list_between(self, first: date, last: date) -> dict[date, list[DeliveredFile]]:
        """Return what was delivered for the days from first to last; days without deliveries are missing."""
        found: dict[date, list[DeliveredFile]] = {}
        for form in self.forms:
            self._collect(form, first, last, found)
        return {day: sorted(files) for day, files in sorted(found.items())}

    def unfinished(self, day: date) -> list[str]:
        """Return names of deliveries for a day whose upload has begun and not ended."""
        starts = [self._root + form.begin(day) for form in self.forms]
        return [self._name(key, day) for start in starts for key in self._bucket.unfinished_uploads(start)]

    def open(self, day: date, file: DeliveredFile) -> IO[bytes]:
        """Open a delivered object as it was listed."""
        folder = _folder_begin(day) if self.layout == "folders" else ""
        return self._bucket.open(S3Object(self._root + folder + file.name, file.byte_count, file.stamp))

    def delivery_of(self, key: str) -> tuple[date, DeliveredFile] | None:
        """What an object of the bucket is as a delivery now; None when its key is none of this landing's."""
        if not key.startswith(self._root) or key.endswith("/"):
            return None
        name = key.removeprefix(self._root)
        day = next((day for form in self.forms if (day := form.day_of(name)) is not None), None)
        return None if day is None else (day, self._delivered(self._bucket.head(key), day))

    @property
    def _root(self) -> str:
        return self.place.key(FEED) + "/"

    def _collect(self, form: Form, first: date, last: date, found: dict[date, list[DeliveredFile]]) -> None:
        if first == last:
            prefix, after = form.begin(first), ""
        else:
            prefix = form.prefix
            after = "" if first == date.min else form.begin(first - timedelta(days=1)) + _NEARLY_LAST
        end = self._root + form.begin(last) + _LAST
        for one in self._bucket.list_objects(self._root + prefix, after=after and self._root + after):
            if one.key > end:
                return
            day = form.day_of(one.key.removeprefix(self._root))
            # A key that ends with a slash is the folder itself, as a console makes it.
            if day is not None and first <= day <= last and not one.key.endswith("/"):
                found.setdefault(day, []).append(self._delivered(one, day))

    def _delivered(self, one: S3Object, day: date) -> DeliveredFile:
        return DeliveredFile(self._name(one.key, day), one.byte_count, one.etag)

    def _name(self, key: str, day: date) -> str:
        name = key.removeprefix(self._root)
        return name.removeprefix(_folder_begin(day)) if self.layout == "folders" else name
