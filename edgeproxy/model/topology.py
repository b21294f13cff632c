"""Topology: everything that was asked for, as one immutable value.

The laws that need more than one resource stand here: names are unique, every reference resolves, a target group belongs
to one load balancer. Anything that takes an ARN takes the name as well.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, NamedTuple

from edgeproxy.errors import ConfigError
from edgeproxy.model import ids, validate
from edgeproxy.model.base import Model
from edgeproxy.model.load_balancer import LoadBalancer  # noqa: TC001 - the decoder reads the annotations
from edgeproxy.model.suggestion import closest
from edgeproxy.model.target_group import TargetGroup  # noqa: TC001 - the decoder reads the annotations
from edgeproxy.model.target_group_settings import MAX_TARGETS
from edgeproxy.model.trust_store import MAX_TRUST_STORES, TrustStore, is_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edgeproxy.model.action import Action
    from edgeproxy.model.listener import Listener

MAX_GROUPS_PER_LOAD_BALANCER = 100

_ACCOUNT = re.compile(r"[0-9]{12}\Z")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]{1,2}\Z")


# `dict` gives the instance the room that `cached_property` writes to.
class Topology(Model, frozen=True, dict=True):
    """Load balancers and target groups that fit together: every reference resolves, every cross-resource law holds."""

    load_balancers: tuple[LoadBalancer, ...] = ()
    """Each with its listeners and their rules."""
    target_groups: tuple[TargetGroup, ...] = ()
    """Each with its targets; actions name them by name or ARN."""
    trust_stores: tuple[TrustStore, ...] = ()
    """Whose certificates clients may present; listeners name them by name or ARN."""
    account_id: str = "000000000000"
    """Twelve digits, for ARNs."""
    region: str = "us-east-1"
    """For ARNs and DNS names."""

    def load_balancer_arn(self, load_balancer: LoadBalancer) -> str:
        """The load balancer's ARN."""
        return ids.load_balancer_arn(self.account_id, self.region, load_balancer.name)

    def load_balancer_dns_name(self, load_balancer: LoadBalancer) -> str:
        """The name under which AWS would publish it."""
        return ids.load_balancer_dns_name(self.region, load_balancer.name, load_balancer.scheme)

    def listener_arn(self, load_balancer: LoadBalancer, listener: Listener) -> str:
        """The listener's ARN."""
        return ids.listener_arn(self.account_id, self.region, load_balancer.name, listener.port)

    def rule_arn(self, load_balancer: LoadBalancer, listener: Listener, priority: int | str = ids.DEFAULT_RULE) -> str:
        """The ARN of the rule with that priority, or of the default rule."""
        return ids.rule_arn(self.account_id, self.region, load_balancer.name, listener.port, priority)

    def target_group_arn(self, group: TargetGroup) -> str:
        """The target group's ARN."""
        return ids.target_group_arn(self.account_id, self.region, group.name)

    def target_group(self, ref: str) -> TargetGroup:
        """The target group that a name or an ARN means.

        Raises:
            ConfigError: There is none; the path is empty, the code `TargetGroupNotFound`.
        """
        found = self._target_groups_by_ref.get(ref)
        if found is None:
            names = [group.name for group in self.target_groups]
            reason = f"Target group '{ref}' not found"
            raise ConfigError("", ref, reason, code="TargetGroupNotFound", suggestion=closest(ref, names))
        return found

    def trust_store_arn(self, store: TrustStore) -> str:
        """The trust store's ARN."""
        return ids.trust_store_arn(self.account_id, self.region, store.name)

    def trust_store(self, ref: str) -> TrustStore:
        """The trust store that a name, an ARN or a path means; a path is a trust store without revocations.

        Raises:
            ConfigError: There is none; the path is empty, the code `TrustStoreNotFound`.
        """
        for store in self.trust_stores:
            if ref in (store.name, self.trust_store_arn(store)):
                return store
        if is_path(ref):
            return TrustStore(name="bundle", ca_certificates_bundle=ref)
        names = [store.name for store in self.trust_stores]
        reason = f"Trust store '{ref}' not found"
        raise ConfigError("", ref, reason, code="TrustStoreNotFound", suggestion=closest(ref, names))

    def used_target_groups(self) -> tuple[TargetGroup, ...]:
        """The target groups that a listener or a rule forwards to, in the order of the file."""
        return tuple(group for group in self.target_groups if group.name in self._load_balancer_by_group)

    def load_balancer_of(self, group: TargetGroup) -> LoadBalancer | None:
        """The load balancer that uses the target group; None where none does."""
        return self._load_balancer_by_group.get(group.name)

    @functools.cached_property
    def _target_groups_by_ref(self) -> dict[str, TargetGroup]:
        by_name = {group.name: group for group in self.target_groups}
        return by_name | {self.target_group_arn(group): group for group in self.target_groups}

    @functools.cached_property
    def _load_balancer_by_group(self) -> dict[str, LoadBalancer]:
        return {
            self.target_group(ref).name: load_balancer
            for load_balancer in self.load_balancers
            for _, _, ref in group_references(load_balancer)
        }

    def problems(self) -> Iterator[ConfigError]:
        """The laws between resources."""
        if not _ACCOUNT.match(self.account_id):
            yield ConfigError("AccountId", self.account_id, f"AccountId '{self.account_id}' must have twelve digits")
        if not _REGION.match(self.region):
            yield ConfigError("Region", self.region, f"Region '{self.region}' is not a region such as 'us-east-1'")
        yield from validate.unique(
            "LoadBalancers[{index}].Name",
            [load_balancer.name for load_balancer in self.load_balancers],
            "A load balancer with the specified name already exists.",
            "DuplicateLoadBalancerName",
        )
        yield from validate.unique(
            "TargetGroups[{index}].Name",
            [group.name for group in self.target_groups],
            "A target group with the specified name already exists.",
            "DuplicateTargetGroupName",
        )
        yield from self._trust_store_problems()
        yield from self._reference_problems()

    def _trust_store_problems(self) -> Iterator[ConfigError]:
        """Source: API reference, CreateTrustStore; user guide, load-balancer-limits."""
        yield from validate.unique(
            "TrustStores[{index}].Name",
            [store.name for store in self.trust_stores],
            "A trust store with the name '{key}' already exists",
            "DuplicateTrustStoreName",
        )
        yield from validate.at_most(
            "TrustStores",
            len(self.trust_stores),
            MAX_TRUST_STORES,
            "An account can only have '{limit}' trust stores in a Region; this one has {count}",
            code="TooManyTrustStores",
        )
        for index, load_balancer in enumerate(self.load_balancers):
            for number, listener in enumerate(load_balancer.listeners):
                mutual = listener.client_certificates
                if mutual is not None and mutual.trust_store_arn:
                    try:
                        self.trust_store(mutual.trust_store_arn)
                    except ConfigError as error:
                        path = f"LoadBalancers[{index}].Listeners[{number}].MutualAuthentication.TrustStoreArn"
                        yield error.at(path)

    def _reference_problems(self) -> Iterator[ConfigError]:
        """Source: user guide, load-balancer-limits; API reference, CreateListener errors."""
        owners: dict[str, str] = {}
        for index, load_balancer in enumerate(self.load_balancers):
            used: dict[str, TargetGroup] = {}
            yield from self._stickiness_problems(f"LoadBalancers[{index}]", load_balancer)
            for listener, path, ref in group_references(load_balancer):
                where = f"LoadBalancers[{index}].{path}"
                try:
                    group = self.target_group(ref)
                except ConfigError as error:
                    yield error.at(where)
                    continue
                yield from _version_problems(where, listener, group)
                if owners.setdefault(group.name, load_balancer.name) != load_balancer.name:
                    yield self._shared(where, group)
                used[group.name] = group
            yield from _usage_problems(f"LoadBalancers[{index}]", tuple(used.values()))

    def _stickiness_problems(self, path: str, load_balancer: LoadBalancer) -> Iterator[ConfigError]:
        """A cookie that names a target is of use only if the client comes back to its target group.

        Source: user guide, edit-target-group-attributes, sticky sessions; the sentence was observed.
        """
        for where, action in forward_actions(load_balancer):
            config = action.forward_config
            groups = [self._target_groups_by_ref.get(entry.target_group_arn) for entry in action.forward_targets]
            is_kept = (
                config is not None
                and config.target_group_stickiness_config is not None
                and config.target_group_stickiness_config.enabled
            )
            sticky = next((group for group in groups if group is not None and group.settings.stickiness_enabled), None)
            if len(groups) > 1 and sticky is not None and not is_kept:
                reason = (
                    "This target group appears behind a rule with group stickiness disabled "
                    f"({self.target_group_arn(sticky)}). You must enable group stickiness before enabling target "
                    "stickiness"
                )
                place = f"{path}.{where}.ForwardConfig.TargetGroupStickinessConfig"
                yield ConfigError(place, None, reason, code="InvalidConfigurationRequest")

    def _shared(self, path: str, group: TargetGroup) -> ConfigError:
        arn = self.target_group_arn(group)
        reason = f"The following target groups cannot be associated with more than one load balancer: '{arn}'"
        return ConfigError(path, group.name, reason, code="TargetGroupAssociationLimit")


def _version_problems(path: str, listener: Listener, group: TargetGroup) -> Iterator[ConfigError]:
    """HTTP/2 and gRPC come in over TLS only. Source: user guide, create-target-group, protocol version."""
    if listener.protocol == "HTTP" and group.protocol_version in ("HTTP2", "GRPC"):
        reason = (
            f"Listener protocol 'HTTP' is not supported with a target group with the protocol-version "
            f"'{group.protocol_version}'"
        )
        yield ConfigError(path, group.name, reason, code="InvalidLoadBalancerAction")


def _usage_problems(path: str, groups: Sequence[TargetGroup]) -> Iterator[ConfigError]:
    yield from validate.at_most(
        path,
        len(groups),
        MAX_GROUPS_PER_LOAD_BALANCER,
        "You have reached the maximum number of unique target groups that you can associate with a load balancer "
        "of type 'application': [{limit}]",
        code="TooManyUniqueTargetGroupsPerLoadBalancer",
    )
    yield from validate.at_most(
        path,
        sum(len(group.targets) for group in groups),
        MAX_TARGETS,
        "A load balancer can only have '{limit}' targets; this one has {count}",
        code="TooManyTargets",
    )


def forward_actions(load_balancer: LoadBalancer) -> Iterator[tuple[str, Action]]:
    """Every forward action with its path from the load balancer."""
    for index, listener in enumerate(load_balancer.listeners):
        lists = [(f"Listeners[{index}].DefaultActions", listener.default_actions)]
        lists += [
            (f"Listeners[{index}].Rules[{number}].Actions", rule.actions) for number, rule in enumerate(listener.rules)
        ]
        for path, actions in lists:
            for number, action in enumerate(actions):
                if action.type == "forward":
                    yield f"{path}[{number}]", action


class GroupReference(NamedTuple):
    """A mention of a target group: its listener, its path from the load balancer, the name or ARN that stands there."""

    listener: Listener
    path: str
    ref: str


def group_references(load_balancer: LoadBalancer) -> Iterator[GroupReference]:
    """Every mention of a target group."""
    for index, listener in enumerate(load_balancer.listeners):
        lists = [("DefaultActions", listener.default_actions)]
        lists += [(f"Rules[{number}].Actions", rule.actions) for number, rule in enumerate(listener.rules)]
        for key, actions in lists:
            for path, ref in _references_in(f"Listeners[{index}].{key}", actions):
                yield GroupReference(listener, path, ref)


def _references_in(path: str, actions: Sequence[Action]) -> Iterator[tuple[str, str]]:
    for index, action in enumerate(actions):
        if action.forward_config is None:
            if action.target_group_arn is not None:
                yield f"{path}[{index}].TargetGroupArn", action.target_group_arn
            continue
        for number, group in enumerate(action.forward_config.target_groups):
            where = f"{path}[{index}].ForwardConfig.TargetGroups[{number}].TargetGroupArn"
            yield where, group.target_group_arn
