"""LoadBalancer: listeners and the attributes they share."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args
from urllib.parse import unquote

from edgeproxy.errors import ConfigError
from edgeproxy.model import validate
from edgeproxy.model.attributes import (
    Attributes,
    Spec,
    attribute_problems,
    flag,
    number,
    one_of,
    read_settings,
)
from edgeproxy.model.base import Model, sentences
from edgeproxy.model.listener import Listener  # noqa: TC001 - the decoder reads the annotations
from edgeproxy.model.mutual_authentication import VERIFY
from edgeproxy.model.security_policy import POLICIES

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LISTENERS = 50
MAX_RULES = 100
MAX_EXTRA_CERTIFICATES = 25
MAX_VERIFYING_LISTENERS = 2
MAX_ATTRIBUTE_VALUE = 1024

FILE_SCHEME = "file://"
"""What a bucket begins with that is a directory of this machine: `file:///var/log/alb`."""


LogName = Literal["access_logs", "connection_logs", "health_check_logs"]
"""The beginning of the keys of a log's attributes."""


class LogDelivery(NamedTuple):
    """Where one log of a load balancer goes.

    Attributes:
        bucket: `access_logs.s3.bucket`: an S3 bucket's name, or here a directory as `file:///an/absolute/path`.
        prefix: `access_logs.s3.prefix`, or "".
    """

    bucket: str
    prefix: str

    @property
    def directory(self) -> str | None:
        """The path that the bucket names; None for a bucket of S3, which is out of reach here."""
        if not self.bucket.startswith(FILE_SCHEME):
            return None
        return unquote(self.bucket.removeprefix(FILE_SCHEME))


class LoadBalancerSettings(Model, frozen=True):
    """The typed view of a load balancer's attributes, defaults filled in.

    Source: user guide, application-load-balancers, section load balancer attributes.
    """

    idle_timeout_seconds: int = 60
    """`idle_timeout.timeout_seconds`, 1-4000: how long a connection may be silent, on both sides."""
    client_keep_alive_seconds: int = 3600
    """`client_keep_alive.seconds`, 60-604800: the age at which a client's connection is closed."""
    desync_mitigation_mode: Literal["monitor", "defensive", "strictest"] = "defensive"
    """`routing.http.desync_mitigation_mode`: what becomes of requests that servers may read differently."""
    drop_invalid_header_fields: bool = False
    """`routing.http.drop_invalid_header_fields.enabled`: names other than letters, digits and hyphens are removed."""
    preserve_host_header: bool = False
    """`routing.http.preserve_host_header.enabled`: targets get the Host header as the client wrote it."""
    tls_version_and_cipher_headers: bool = False
    """`routing.http.x_amzn_tls_version_and_cipher_suite.enabled`: two headers tell targets of the client's TLS."""
    xff_client_port: bool = False
    """`routing.http.xff_client_port.enabled`: X-Forwarded-For carries the client's port as well."""
    xff_mode: Literal["append", "preserve", "remove"] = "append"
    """`routing.http.xff_header_processing.mode`: what becomes of X-Forwarded-For; `preserve` leaves it as it came."""
    http2_enabled: bool = True
    """`routing.http2.enabled`: HTTPS listeners offer HTTP/2."""
    access_logs_enabled: bool = False
    """`access_logs.s3.enabled`: a line per request; needs a bucket."""
    access_logs_bucket: str = ""
    """`access_logs.s3.bucket`: a directory as `file:///an/absolute/path`; a bucket of S3 is out of reach here."""
    access_logs_prefix: str = ""
    """`access_logs.s3.prefix`: what the keys of the log's objects begin with; without `AWSLogs`, which is added."""
    connection_logs_enabled: bool = False
    """`connection_logs.s3.enabled`: a line per connection; needs a bucket."""
    connection_logs_bucket: str = ""
    """`connection_logs.s3.bucket`: as for the access log."""
    connection_logs_prefix: str = ""
    """`connection_logs.s3.prefix`: as for the access log."""
    health_check_logs_enabled: bool = False
    """`health_check_logs.s3.enabled`: a line per health check; needs a bucket."""
    health_check_logs_bucket: str = ""
    """`health_check_logs.s3.bucket`: as for the access log."""
    health_check_logs_prefix: str = ""
    """`health_check_logs.s3.prefix`: as for the access log."""

    def log(self, name: LogName) -> LogDelivery | None:
        """Where a log goes; None while it is off."""
        if not getattr(self, f"{name}_enabled"):
            return None
        return LogDelivery(getattr(self, f"{name}_bucket"), getattr(self, f"{name}_prefix"))


def bucket(text: str) -> str:
    """A bucket's name, or a directory as a URL."""
    if text.startswith("file:") and not text.startswith(FILE_SCHEME + "/"):
        raise ValueError("must name a directory by its absolute path, as in 'file:///var/log/alb'")
    return text


def bucket_prefix(text: str) -> str:
    """The first part of the objects' keys. Source: user guide, enable-access-logging."""
    if "AWSLogs" in text:
        raise ValueError("must not contain 'AWSLogs', which the load balancer adds itself")
    return text


SPECS = {
    "idle_timeout.timeout_seconds": Spec("idle_timeout_seconds", number(1, 4000)),
    "client_keep_alive.seconds": Spec("client_keep_alive_seconds", number(60, 604800)),
    "routing.http.desync_mitigation_mode": Spec("desync_mitigation_mode", one_of("monitor", "defensive", "strictest")),
    "routing.http.drop_invalid_header_fields.enabled": Spec("drop_invalid_header_fields", flag),
    "routing.http.preserve_host_header.enabled": Spec("preserve_host_header", flag),
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": Spec("tls_version_and_cipher_headers", flag),
    "routing.http.xff_client_port.enabled": Spec("xff_client_port", flag),
    "routing.http.xff_header_processing.mode": Spec("xff_mode", one_of("append", "preserve", "remove")),
    "routing.http2.enabled": Spec("http2_enabled", flag),
    **{
        f"{log}.s3.{key}": Spec(f"{log}_{key}", read)
        for log in get_args(LogName)
        for key, read in (("enabled", flag), ("bucket", bucket), ("prefix", bucket_prefix))
    },
    # The rest has nothing to act on here and is kept.
    "deletion_protection.enabled": Spec("", flag),
    "load_balancing.cross_zone.enabled": Spec("", one_of("true")),
    "ipv6.deny_all_igw_traffic": Spec("", flag),
    "zonal_shift.config.enabled": Spec("", flag),
    "waf.fail_open.enabled": Spec("", flag),
}

FOREIGN = {
    "dns_record.": "Network Load Balancers",
    "secondary_ips.": "Network Load Balancers",
}
"""Keys that an application load balancer must refuse. Source: API reference, LoadBalancerAttribute."""


# `dict` gives the instance the room that `cached_property` writes to.
class LoadBalancer(Model, frozen=True, dict=True):
    """An application load balancer. Source: API reference, CreateLoadBalancer."""

    missing_sentences = sentences(Name="A load balancer name must be specified")
    choice_sentences = sentences(Type="Load balancer type '{value}' is not supported; it must be 'application'")

    name: str
    """1-32 letters, digits and hyphens, unique in the file; must not begin with `internal-`."""
    listeners: tuple[Listener, ...] = ()
    """At most 50, each on a port of its own."""
    load_balancer_attributes: Attributes = ()
    """A mapping, or a list of Key and Value. See `LoadBalancerSettings` for the keys."""
    scheme: Literal["internet-facing", "internal"] = "internet-facing"
    """Changes the DNS name only."""
    type: Literal["application"] = "application"
    """Network and gateway load balancers are other products."""
    tags: Attributes = ()
    """Kept and echoed."""

    @functools.cached_property
    def settings(self) -> LoadBalancerSettings:
        """The attributes as values."""
        return LoadBalancerSettings(**read_settings(self.load_balancer_attributes, SPECS))

    def problems(self) -> Iterator[ConfigError]:
        """ELBv2's laws for one load balancer."""
        yield from validate.name("Name", self.name, "The load balancer name")
        if self.name.startswith("internal-"):
            reason = f"The load balancer name '{self.name}' cannot begin with 'internal-'"
            yield ConfigError("Name", self.name, reason)
        yield from attribute_problems("LoadBalancerAttributes", self.load_balancer_attributes, SPECS, FOREIGN)
        for attribute in self.load_balancer_attributes:
            where = f"LoadBalancerAttributes[{attribute.key}]"
            yield from validate.length(where, attribute.value, 0, MAX_ATTRIBUTE_VALUE)
        yield from self._log_problems()
        yield from validate.unique(
            "Listeners[{index}].Port",
            [listener.port for listener in self.listeners],
            "A listener with the specified port already exists.",
            "DuplicateListener",
        )
        yield from self._policy_problems()
        yield from self._count_problems()

    def _policy_problems(self) -> Iterator[ConfigError]:
        """FIPS policies keep to themselves. Source: user guide, describe-ssl-policies; the sentence is ours."""
        policies = [POLICIES.get(listener.effective_ssl_policy or "") for listener in self.listeners]
        is_fips = {policy.is_fips for policy in policies if policy is not None}
        for index, policy in enumerate(policies):
            if len(is_fips) > 1 and policy is not None and policy.is_fips:
                reason = (
                    f"The FIPS policy '{policy.name}' cannot be combined with a policy that is not for FIPS on the "
                    "other listeners of a load balancer"
                )
                yield ConfigError(
                    f"Listeners[{index}].SslPolicy", policy.name, reason, code="InvalidConfigurationRequest"
                )

    def _log_problems(self) -> Iterator[ConfigError]:
        """Logs need a bucket. Source: API reference, LoadBalancerAttribute."""
        values = {attribute.key: attribute.value for attribute in self.load_balancer_attributes}
        for log in get_args(LogName):
            if values.get(f"{log}.s3.enabled") == "true" and not values.get(f"{log}.s3.bucket"):
                reason = f"'{log}.s3.bucket' must be specified when '{log}.s3.enabled' is 'true'"
                yield ConfigError(
                    f"LoadBalancerAttributes[{log}.s3.enabled]", "true", reason, code="InvalidConfigurationRequest"
                )

    def _count_problems(self) -> Iterator[ConfigError]:
        """Source: user guide, load-balancer-limits."""
        rules = sum(len(listener.rules) for listener in self.listeners)
        asked = [listener.client_certificates for listener in self.listeners]
        verifying = sum(mutual is not None and mutual.mode == VERIFY for mutual in asked)
        certificates = sum(max(0, len(listener.certificates) - 1) for listener in self.listeners)
        yield from validate.at_most(
            "Listeners",
            len(self.listeners),
            MAX_LISTENERS,
            "A load balancer can only have '{limit}' listeners; this one has {count}",
            code="TooManyListeners",
        )
        yield from validate.at_most(
            "Listeners",
            rules,
            MAX_RULES,
            "A load balancer can only have '{limit}' rules, default rules excluded; this one has {count}",
            code="TooManyRules",
        )
        yield from validate.at_most(
            "Listeners",
            certificates,
            MAX_EXTRA_CERTIFICATES,
            "A load balancer can only have '{limit}' certificates besides the default ones; this one has {count}",
            code="TooManyCertificates",
        )
        yield from validate.at_most(
            "Listeners",
            verifying,
            MAX_VERIFYING_LISTENERS,
            "A load balancer can only have '{limit}' listeners with the mutual authentication mode 'verify'; "
            "this one has {count}",
            code="TooManyListeners",
        )
