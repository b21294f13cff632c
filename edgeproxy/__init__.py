"""An AWS Application Load Balancer that runs on your own machine.

Vocabulary
    ELBv2's, and only ELBv2's. A *load balancer* has *listeners* (a port and a protocol); a listener has *rules*, tried
    in order of *priority*, the default rule last; a rule has *conditions* and *actions*; a forward action names *target
    groups*; a target group has *targets* and a *health check*. There are two directions: the *client* that sends a
    request and the *target* that answers it. *Server* appears only in HTTP's own sense, as in `protocol/h1_server.py`.

Layers: an arrow may only point down
     testing     a load balancer inside a test, targets, pytest plugin    threads and other libraries
     control     YAML, admin endpoint, command line                   files and standard output
     runtime     sockets, TLS, timers, tasks, pools, logs             asyncio, ssl and time begin here
     ---------------------------------------------------------------- no I/O, no clock, no logger below this line
     exchange    one request's life, joined                           calls ports, is handed the time
     rules | balancing | health | protocol                            four siblings that do not know each other
     model       the ELBv2 nouns, frozen and validated                protocol may not even import these
     errors      the exception tree

    Codecs know bytes, not load balancers; rules know conditions, not sockets. `lint-imports` holds the arrows.

The life of one request
    `runtime/client_connection.py` gets bytes and feeds `protocol/h1_server.py`, which calls back with a `RequestHead`.
    The connection reads its listener's `ExchangeContext` once and begins an `Exchange` (`exchange/exchange.py`).
    `rules/table.py` finds the rule; its transforms (`exchange/transforming.py`) rewrite what the target will see; its
    compiled action (`exchange/actions.py`, or `exchange/sticky.py` where cookies decide first) picks a target group and
    a target (`balancing/`) or answers by itself (`exchange/replies.py`). `exchange/forwarding.py` rewrites the head,
    `runtime/target_pool.py` hands out an idle connection or makes one, and the response comes back the same way through
    `protocol/h1_client.py`. To a target that speaks HTTP/2 the exchange has a stream: `runtime/h2_target_pool.py`,
    `protocol/h2_client.py`, and its head is made by `exchange/h2_forwarding.py`. Each exchange ends once, in
    `runtime/ledger.py`: a line in the access log, a few counters.

    Failures on purpose (a *fault*; ours, not ELBv2's) stand beside that path: a listener whose requests may meet one
    gets another context (`exchange/faults.py`, `runtime/faults.py`), and the others look at nothing.

    On that path there is no task, no timer and no await; a task appears only where a connection must be made first.

Three kinds of state, never mixed
    *Desired*: `model`, frozen, what was asked for. *Compiled*: `runtime/compiled.py`, derived and thrown away at each
    reload. *Observed*: `TargetState` and the counters, mutable, found by name so that they outlive a reload.
"""

__version__ = "0.1.0"
