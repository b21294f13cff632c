from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.control.config.dump import topology_to_builtins
from edgeproxy.control.config.loader import load_text
from edgeproxy.model.action import (
    Action,
    FixedResponseConfig,
    ForwardConfig,
    RedirectConfig,
    TargetGroupTuple,
)
from edgeproxy.model.attributes import attributes_from
from edgeproxy.model.condition import (
    HttpHeaderConfig,
    HttpRequestMethodConfig,
    QueryStringConfig,
    QueryStringKeyValue,
    RuleCondition,
    SourceIpConfig,
)
from edgeproxy.model.listener import Certificate, Listener
from edgeproxy.model.load_balancer import LoadBalancer
from edgeproxy.model.mutual_authentication import MutualAuthentication
from edgeproxy.model.rule import Rule
from edgeproxy.model.target import Target
from edgeproxy.model.target_group import Matcher, TargetGroup
from edgeproxy.model.topology import Topology
from edgeproxy.model.transform import RewriteConfig, RuleTransform, UrlRewriteConfig
from edgeproxy.model.trust_store import TrustStore

NAMES = ("one", "two", "three")

texts = st.text(max_size=20).filter(lambda text: text.isprintable())
ports = st.integers(1, 65535)

forwards = st.one_of(
    st.sampled_from(NAMES).map(lambda name: Action(type="forward", target_group_arn=name)),
    st.lists(
        st.builds(TargetGroupTuple, target_group_arn=st.sampled_from(NAMES), weight=st.integers(0, 999)),
        min_size=1,
        max_size=5,
    ).map(lambda groups: Action(type="forward", forward_config=ForwardConfig(target_groups=tuple(groups)))),
)
redirects = st.builds(
    RedirectConfig,
    status_code=st.sampled_from(["HTTP_301", "HTTP_302"]),
    host=st.just("a.test"),
    port=ports.map(str),
    query=st.sampled_from(["", "#{query}", "a=b"]),
).map(lambda config: Action(type="redirect", redirect_config=config))
fixed = st.builds(
    FixedResponseConfig,
    status_code=st.sampled_from(["200", "404", "503"]),
    content_type=st.sampled_from([None, "text/plain"]),
    message_body=st.none() | texts | st.just("${A} $${B} on 22:22"),
).map(lambda config: Action(type="fixed-response", fixed_response_config=config))
actions = st.one_of(forwards, redirects, fixed).map(lambda action: (action,))

conditions = st.sampled_from(
    [
        RuleCondition(field="path-pattern", values=("/a*",)),
        RuleCondition(field="path-pattern", regex_values=(r"^/a\d{1,2}$", "b")),
        RuleCondition(
            field="http-header", http_header_config=HttpHeaderConfig(http_header_name="X-A", values=("on", "1"))
        ),
        RuleCondition(field="http-request-method", http_request_method_config=HttpRequestMethodConfig(values=("GET",))),
        RuleCondition(
            field="query-string",
            query_string_config=QueryStringConfig(
                values=(QueryStringKeyValue(key="a", value="\\*"), QueryStringKeyValue(value="1"))
            ),
        ),
        RuleCondition(field="source-ip", source_ip_config=SourceIpConfig(values=("::/0",))),
    ]
)

transforms = st.sampled_from([("^/a(.*)$", "/$1"), (".*", ""), ("a${2}", "${1}#{path}")]).map(
    lambda pair: (
        RuleTransform(
            type="url-rewrite",
            url_rewrite_config=UrlRewriteConfig(rewrites=(RewriteConfig(regex=pair[0], replace=pair[1]),)),
        ),
    )
)
listener_attributes = st.dictionaries(
    st.just("routing.http.response.x_frame_options.header_value"), st.sampled_from(["", "DENY"])
)
mutual = st.sampled_from([None, MutualAuthentication(mode="off"), MutualAuthentication(mode="passthrough")])
stores = st.sampled_from([(), (TrustStore(name="ca", ca_certificates_bundle="ca.pem", revocations=("crl.pem",)),)])


@st.composite
def topologies(draw: st.DrawFn) -> Topology:
    groups = tuple(
        TargetGroup(
            name=name,
            port=draw(ports),
            protocol=draw(st.sampled_from(["HTTP", "HTTPS"])),
            health_check_port=draw(st.just("traffic-port") | ports),
            matcher=Matcher(http_code=draw(st.sampled_from(["200", "200-299,404"]))),
            target_group_attributes=attributes_from(draw(st.dictionaries(st.sampled_from(["new", "on"]), texts))),
            targets=tuple(Target(id="127.0.0.1", port=port) for port in draw(st.lists(st.none() | ports, max_size=2))),
            tags=attributes_from(draw(st.dictionaries(texts.filter(bool), texts, max_size=2))),
        )
        for name in NAMES
    )
    listeners = tuple(
        Listener(
            port=port,
            protocol="HTTPS" if port % 2 else "HTTP",
            certificates=(Certificate(certificate_arn="dev"),) if port % 2 else (),
            mutual_authentication=draw(mutual) if port % 2 else None,
            default_actions=draw(actions),
            listener_attributes=attributes_from(draw(listener_attributes)),
            rules=tuple(
                Rule(
                    priority=priority,
                    conditions=(draw(conditions),),
                    actions=draw(actions),
                    transforms=draw(st.just(()) | transforms),
                )
                for priority in draw(st.sets(st.integers(1, 50000), max_size=3))
            ),
        )
        for port in draw(st.sets(ports, max_size=2))
    )
    attributes = attributes_from({"idle_timeout.timeout_seconds": draw(st.integers(1, 4000))})
    load_balancer = LoadBalancer(name="dev", listeners=listeners, load_balancer_attributes=attributes)
    return Topology(
        load_balancers=(load_balancer,), target_groups=groups, trust_stores=draw(stores), account_id="123456789012"
    )


@given(topologies())
def test_what_is_dumped_loads_as_the_same_topology(topology: Topology) -> None:
    text = json.dumps(topology_to_builtins(topology), ensure_ascii=False)
    assert topology == load_text(text, "dump", None).topology


def test_every_resource_carries_its_arn() -> None:
    path = RuleCondition(field="path-pattern", values=("/a",))
    forward = Action(type="forward", target_group_arn="one")
    rule = Rule(priority=1, conditions=(path,), actions=(forward,))
    listener = Listener(port=80, protocol="HTTP", default_actions=(forward,), rules=(rule,))
    topology = Topology(
        load_balancers=(LoadBalancer(name="dev", listeners=(listener,)),),
        target_groups=(TargetGroup(name="one", port=80),),
        trust_stores=(TrustStore(name="ca", ca_certificates_bundle="ca.pem"),),
    )
    found = topology_to_builtins(topology)
    load_balancer = found["LoadBalancers"][0]
    assert topology.trust_store_arn(topology.trust_stores[0]) == found["TrustStores"][0]["TrustStoreArn"]
    assert topology.load_balancer_arn(topology.load_balancers[0]) == load_balancer["LoadBalancerArn"]
    assert topology.load_balancer_dns_name(topology.load_balancers[0]) == load_balancer["DNSName"]
    assert ":listener/app/dev/" in load_balancer["Listeners"][0]["ListenerArn"]
    assert ":listener-rule/app/dev/" in load_balancer["Listeners"][0]["Rules"][0]["RuleArn"]
    assert topology.target_group_arn(topology.target_groups[0]) == found["TargetGroups"][0]["TargetGroupArn"]


def test_weights_are_always_written() -> None:
    groups = (TargetGroupTuple(target_group_arn="one"), TargetGroupTuple(target_group_arn="two"))
    forward = Action(type="forward", forward_config=ForwardConfig(target_groups=groups))
    listener = Listener(port=80, protocol="HTTP", default_actions=(forward,))
    topology = Topology(
        load_balancers=(LoadBalancer(name="dev", listeners=(listener,)),),
        target_groups=(TargetGroup(name="one", port=80), TargetGroup(name="two", port=80)),
    )
    action = topology_to_builtins(topology)["LoadBalancers"][0]["Listeners"][0]["DefaultActions"][0]
    assert [1, 1] == [group["Weight"] for group in action["ForwardConfig"]["TargetGroups"]]
