"""The `edgeproxy` command without the quota on rules: `python -m tests.bench.many_rules run ...`.

AWS allows 100 rules per load balancer and raises that on request (user guide, load-balancer-limits); edgeproxy holds
its users to the default. What 1,000 rules cost can be asked all the same: same code, another number.
"""

from __future__ import annotations

from edgeproxy.control.cli import main
from edgeproxy.model import load_balancer

if __name__ == "__main__":
    load_balancer.MAX_RULES = 1000
    main()
