"""Listener: a port, a protocol, certificates, a default action and rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from edgeproxy.errors import ConfigError
from edgeproxy.model import validate
from edgeproxy.model.action import CODE, LOOP, NO_DOWNGRADE, Action, RedirectConfig, action_list_problems
from edgeproxy.model.attributes import Attributes, attribute_problems, read_settings
from edgeproxy.model.base import Model, sentences
from edgeproxy.model.fault import Fault, fault_list_problems
from edgeproxy.model.listener_settings import FOREIGN, SPECS, ListenerSettings
from edgeproxy.model.mutual_authentication import MutualAuthentication  # noqa: TC001 - the decoder reads the annotations
from edgeproxy.model.rule import Rule  # noqa: TC001 - the decoder reads the annotations
from edgeproxy.model.security_policy import DEFAULT_POLICY, POLICY_NAMES
from edgeproxy.model.suggestion import closest

if TYPE_CHECKING:
    from collections.abc import Iterator

DEVELOPMENT = "dev"
"""The certificate name that stands for one of the development CA."""


class Certificate(Model, frozen=True):
    """A PEM file with the chain and, unless `KeyFile` names another, the private key; `dev` is the development CA's.

    Source: API reference, Certificate; user guide, https-listener-certificates.
    """

    missing_sentences = sentences(CertificateArn="A CertificateArn must be specified: a PEM file, or 'dev'")

    certificate_arn: str
    """A file, relative to the configuration's; or `dev`."""
    key_file: str | None = None
    """The private key's file, where it is not in the certificate's."""

    @property
    def is_file(self) -> bool:
        """A file of one's own; otherwise the development CA stands in: for `dev`, and for ARNs pasted from AWS."""
        return self.certificate_arn != DEVELOPMENT and not self.certificate_arn.startswith("arn:")

    def problems(self) -> Iterator[ConfigError]:
        """Something is named."""
        if not self.certificate_arn:
            yield ConfigError("CertificateArn", "", "A CertificateArn must be specified: a PEM file, or 'dev'")


class Listener(Model, frozen=True):
    """A listener. Source: API reference, CreateListener; user guide, load-balancer-listeners."""

    missing_sentences = sentences(
        Port="A listener port must be specified",
        Protocol="A listener protocol must be specified",
        DefaultActions="A listener needs default actions (DefaultActions)",
    )
    choice_sentences = sentences(Protocol="Listener protocol '{value}' must be one of 'HTTP, HTTPS'")

    port: int
    """1-65535, unique in the load balancer."""
    protocol: Literal["HTTP", "HTTPS"]
    """What clients speak."""
    default_actions: tuple[Action, ...]
    """What happens with the requests that no rule matches."""
    ssl_policy: str | None = None
    """HTTPS only: which TLS versions and ciphers clients may use; ELBSecurityPolicy-2016-08 where omitted."""
    certificates: tuple[Certificate, ...] = ()
    """HTTPS only: the first is the default, the rest is chosen from by the name that the client asks for."""
    mutual_authentication: MutualAuthentication | None = None
    """HTTPS only: certificates of clients; off where omitted."""
    rules: tuple[Rule, ...] = ()
    """Asked in the order of their priorities; the file may list them in any order."""
    listener_attributes: Attributes = ()
    """A mapping, or a list of Key and Value. See `ListenerSettings` for the keys."""
    tags: Attributes = ()
    """Kept and echoed."""
    faults: tuple[Fault, ...] = ()
    """Failures on purpose for all of its requests (our extension)."""

    @property
    def named_hosts(self) -> tuple[str, ...]:
        """The host names that the rules ask for, as a certificate could carry them: `a.test` and `*.a.test`, sorted."""
        patterns = {
            pattern.lower()
            for rule in self.rules
            for condition in rule.conditions
            if condition.field == "host-header"
            for pattern in condition.patterns
        }
        return tuple(sorted(each for each in patterns if not set(each.removeprefix("*.")) & set("*?_")))

    @property
    def effective_ssl_policy(self) -> str | None:
        """The security policy that applies; None for HTTP."""
        return (self.ssl_policy or DEFAULT_POLICY) if self.protocol == "HTTPS" else None

    @property
    def client_certificates(self) -> MutualAuthentication | None:
        """How clients are asked for certificates; None if they are not."""
        mutual = self.mutual_authentication
        return None if mutual is None or mutual.is_off else mutual

    @property
    def client_certificate_mode(self) -> str:
        """`off`, `passthrough` or `verify`."""
        return "off" if self.mutual_authentication is None else self.mutual_authentication.mode

    @property
    def settings(self) -> ListenerSettings:
        """The attributes as values."""
        return ListenerSettings(**read_settings(self.listener_attributes, SPECS))

    def problems(self) -> Iterator[ConfigError]:
        """ELBv2's laws for one listener."""
        yield from validate.port("Port", self.port)
        yield from self._tls_problems()
        yield from action_list_problems("DefaultActions", self.default_actions)
        yield from validate.unique(
            "Rules[{index}].Priority",
            [rule.priority for rule in self.rules],
            "Priority '{key}' is currently in use",
            "PriorityInUse",
        )
        for path, redirect in self._redirects():
            yield from self._redirect_problems(path, redirect)
        yield from fault_list_problems(self.faults, marks_targets=False)
        yield from attribute_problems("ListenerAttributes", self.listener_attributes, SPECS, FOREIGN)

    def _tls_problems(self) -> Iterator[ConfigError]:
        """Certificates and policies belong to HTTPS. Source: user guide, create-https-listener."""
        if self.protocol == "HTTPS" and not self.certificates:
            yield ConfigError("Certificates", None, "A certificate must be specified for HTTPS listeners")
        if self.protocol == "HTTP" and self.certificates:
            yield ConfigError("Certificates", None, "A certificate cannot be specified for HTTP listeners")
        if self.protocol == "HTTP" and self.client_certificates is not None:
            reason = "Mutual authentication cannot be specified for HTTP listeners"
            yield ConfigError("MutualAuthentication", None, reason)
        if self.protocol == "HTTP" and self.ssl_policy is not None:
            yield ConfigError("SslPolicy", self.ssl_policy, "An SSL policy cannot be specified for HTTP listeners.")
        elif self.ssl_policy is not None and self.ssl_policy not in POLICY_NAMES:
            reason = f"SSL policy '{self.ssl_policy}' not found"
            suggestion = closest(self.ssl_policy, POLICY_NAMES)
            yield ConfigError("SslPolicy", self.ssl_policy, reason, code="SSLPolicyNotFound", suggestion=suggestion)

    def _redirects(self) -> Iterator[tuple[str, RedirectConfig]]:
        """Every redirect of the listener with its path."""
        lists = [("DefaultActions", self.default_actions)]
        lists += [(f"Rules[{index}].Actions", rule.actions) for index, rule in enumerate(self.rules)]
        for path, actions in lists:
            for index, action in enumerate(actions):
                if action.redirect_config is not None:
                    yield f"{path}[{index}].RedirectConfig", action.redirect_config

    def _redirect_problems(self, path: str, redirect: RedirectConfig) -> Iterator[ConfigError]:
        """The laws that depend on where the client came in. Source: API reference, RedirectActionConfig."""
        if self.protocol == "HTTPS" and redirect.protocol == "HTTP":
            yield ConfigError(f"{path}.Protocol", redirect.protocol, NO_DOWNGRADE, code=CODE)
        # Naming the listener's own protocol and port changes nothing either.
        protocol = redirect.protocol.replace("#{protocol}", self.protocol)
        port = redirect.port.replace("#{port}", str(self.port))
        is_own = (protocol, port) == (self.protocol, str(self.port))
        if is_own and redirect.keeps_host_and_path:
            yield ConfigError(path, None, LOOP, code=CODE)
