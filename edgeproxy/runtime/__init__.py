"""Asyncio begins here: sockets, TLS, timers, tasks, pools and logs around the pure layers below.

    proxy              EdgeProxy: start, apply a topology, ask, stop
    compiled           topology -> what exchanges use; the live states of target groups are found by name and reused
    listener           sockets of one listener; client_connection, target_connection   the Protocols on both sides
    target_pool        idle connections per target, and new ones
    deadlines          one sweep a second: idle timeouts, lingering, pool expiry, certificate files
    health_checker     who is checked when; health_probe sends one check, resolver turns names into addresses
    server_tls         which TLS a listener speaks: tls with Python's own, mutual_tls with pyOpenSSL where clients are
                       asked for certificates (mutual_tls_transport, client_verification, client_certificate,
                       trust_store); for both: certificate_choice by SNI and reload, security_policy, tls_facts,
                       tls_accept: handshakes
    target_tls         TLS towards targets
    ledger             where every exchange ends: access_log, metrics (prometheus renders them)
    log_outlets        where each load balancer's lines go: access_log, connection_log, health_check_log make them,
                       log_writer takes them to its thread, log_directory stores them under the keys of log_object

A Protocol only adapts: the codec reads, the exchange decides. Nothing in here is global; a process may hold several
proxies, and closing one leaves no task, socket or descriptor behind.
"""
