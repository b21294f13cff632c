"""`edgeproxy doctor`: looks at an app before production does, and says what the load balancer will do to it.

    subject.py      what is examined: one target, and how the load balancer would treat it
    subjects.py     where subjects come from: the command line, or the configuration file
    asking.py       a connection to a target, and when what came on it; probe.py: in HTTP/1.1, h2_probe.py: in HTTP/2
    request.py      the requests, as the load balancer would send them
    finding.py      what was found; facts.py: the facts behind it, with AWS's pages
    answers.py, health_path.py, host_validation.py, redirect_loop.py, websocket.py, keep_alive.py, shutdown.py
                    one examination each: a coroutine that takes a subject and a dialer and returns findings
    examine.py      runs them
    report.py       shows them

Rules of this package: an examination judges by the load balancer's own code wherever there is some (the codec, the
health probe, the table of statuses). It changes nothing in the app, except that `shutdown.py` ends it when asked to.
What was not looked at is said, never passed over.
"""
