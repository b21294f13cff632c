"""The configuration file: text with `${VAR}` and line numbers in, a `Topology` or every problem at once out.

interpolate   ${VAR} and ${VAR:-default}
document      YAML text -> nodes that know their line and column
decode        nodes -> model, guided by the model's own annotations
ignored_keys  what AWS snippets carry that has no meaning here
lint          what is allowed but hardly meant, such as rules that can never match
loader        all of it: `load_file`
schema, dump  the other direction: JSON Schema for editors, the running configuration for the admin endpoint
"""
