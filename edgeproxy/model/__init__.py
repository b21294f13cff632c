"""What was asked for: the ELBv2 nouns, frozen and checked when they are made.

    Topology              everything, and the laws between resources
      LoadBalancer        listeners and attributes (`LoadBalancerSettings`)
        Listener          port, protocol, certificates, security policy, MutualAuthentication, default actions
          Rule            priority, RuleConditions, Actions
      TargetGroup         health check, Matcher, attributes (`TargetGroupSettings`), Targets
      TrustStore          authorities whose certificates clients may present

The docstring under a field is the configuration reference: `edgeproxy schema` shows it in editors. Limits and sentences
are AWS's; what several classes share stands in `validate`, what is not built yet in `unsupported`. A law that is broken
raises `ConfigError` with a path relative to the object, or `ConfigErrors` where there are several.
"""
