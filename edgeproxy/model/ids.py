"""ARNs, resource ids and DNS names, derived from names so that logs, cookies and tests survive a restart.

    arn:aws:elasticloadbalancing:REGION:ACCOUNT:loadbalancer/app/NAME/16hex
    arn:aws:elasticloadbalancing:REGION:ACCOUNT:listener/app/NAME/16hex(load balancer)/16hex
    arn:aws:elasticloadbalancing:REGION:ACCOUNT:listener-rule/app/NAME/16hex/16hex(listener)/16hex
    arn:aws:elasticloadbalancing:REGION:ACCOUNT:targetgroup/NAME/16hex
    arn:aws:elasticloadbalancing:REGION:ACCOUNT:truststore/NAME/16hex

AWS draws the ids at random; here they are the start of a SHA-256 of what names the resource: the load balancer by its
name, the listener by its port as well, the rule by its priority as well. Source for the forms: user guide and API
reference, examples of DescribeLoadBalancers, DescribeListeners, DescribeRules, DescribeTargetGroups.
"""

from __future__ import annotations

import functools
import hashlib

DEFAULT_RULE = "default"


def load_balancer_id(name: str) -> str:
    """Sixteen hexadecimal digits."""
    return _hexadecimal("loadbalancer", name)


def load_balancer_resource(name: str) -> str:
    """`app/NAME/ID`: how access logs and metrics name a load balancer."""
    return f"app/{name}/{load_balancer_id(name)}"


def load_balancer_arn(account: str, region: str, name: str) -> str:
    """The load balancer's ARN."""
    return f"{_prefix(account, region)}:loadbalancer/{load_balancer_resource(name)}"


def load_balancer_dns_name(region: str, name: str, scheme: str = "internet-facing") -> str:
    """`NAME-1234567890.REGION.elb.amazonaws.com`, lower case; an internal one begins with `internal-`."""
    number = int(_digest("dns", name)[:16], 16) % 9_000_000_000 + 1_000_000_000
    prefix = "internal-" if scheme == "internal" else ""
    return f"{prefix}{name}-{number}.{region}.elb.amazonaws.com".lower()


def listener_id(name: str, port: int) -> str:
    """Sixteen hexadecimal digits, from the load balancer's name and the listener's port."""
    return _hexadecimal("listener", name, str(port))


def listener_arn(account: str, region: str, name: str, port: int) -> str:
    """The ARN of the listener on `port` of the load balancer `name`."""
    return f"{_prefix(account, region)}:listener/{load_balancer_resource(name)}/{listener_id(name, port)}"


def rule_arn(account: str, region: str, name: str, port: int, priority: int | str = DEFAULT_RULE) -> str:
    """The ARN of a rule, named by its priority; `DEFAULT_RULE` for the default rule."""
    rule_id = _hexadecimal("listener-rule", name, str(port), str(priority))
    resource = f"{load_balancer_resource(name)}/{listener_id(name, port)}/{rule_id}"
    return f"{_prefix(account, region)}:listener-rule/{resource}"


def target_group_resource(name: str) -> str:
    """`targetgroup/NAME/ID`: how metrics name a target group."""
    return f"targetgroup/{name}/{_hexadecimal('targetgroup', name)}"


def target_group_arn(account: str, region: str, name: str) -> str:
    """The target group's ARN."""
    return f"{_prefix(account, region)}:{target_group_resource(name)}"


def trust_store_arn(account: str, region: str, name: str) -> str:
    """The trust store's ARN."""
    return f"{_prefix(account, region)}:truststore/{name}/{_hexadecimal('truststore', name)}"


def endpoint(address: str, port: int) -> str:
    """`address:port`, as logs name clients and targets.

    An IPv6 address stands without brackets: AWS's page shows none, and what reads such lines splits them at the last
    colon (unconfirmed).
    """
    return f"{address}:{port}"


def _prefix(account: str, region: str) -> str:
    return f"arn:aws:elasticloadbalancing:{region}:{account}"


def _hexadecimal(*names: str) -> str:
    return _digest(*names)[:16]


@functools.lru_cache(maxsize=4096)
def _digest(*names: str) -> str:
    # A slash can stand in no name, so different resources never hash the same text.
    return hashlib.sha256("/".join(names).encode()).hexdigest()
