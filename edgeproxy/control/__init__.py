"""What operators touch: the command line, the configuration file, certificates, the admin endpoint.

    cli                the verbs; each loads its own module only when it runs, because `health` runs every few seconds
    run_command        `run`; quick_config makes a topology from `--target`; plan and serving bring it up and down
    store              replaces the running topology; config/ reads the file and watches it
    explanation        what would become of a request, as data; explain_view words it
    admin              health, state, metrics and the CA over HTTP, for people and for `edgeproxy health`
    certs              the development CA; certificate_locator finds files; trust puts the CA into stores
    demo               what `make run` starts

Standard output carries the access log alone; what edgeproxy has to say itself goes to standard error (`output.py`).
"""
