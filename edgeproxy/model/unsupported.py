"""What ELBv2 can do and edgeproxy cannot do yet: each is refused in words, nothing is ignored in silence.

One place, so that building a feature ends with removing its entry here. Two kinds of entries:

* keys and values that the model has no field for (`KEYS`, `CHOICES`): the decoder of the configuration asks this table
  before it calls a key unknown;
* fields that the model has, whose working is not built: the functions, called by the classes' own `problems`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgeproxy.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgeproxy.model.target_group import TargetGroup

CODE = "InvalidConfigurationRequest"

# Class name -> AWS key -> what it would do.
KEYS = {
    "Action": {
        "AuthenticateOidcConfig": "logging users in with OIDC (AuthenticateOidcConfig)",
        "AuthenticateCognitoConfig": "logging users in with Cognito (AuthenticateCognitoConfig)",
        "JwtValidationConfig": "checking tokens (JwtValidationConfig)",
    },
    "TargetGroup": {"TargetControlPort": "the target optimizer (TargetControlPort)"},
}

# (class name, AWS key) -> value -> what it would do.
CHOICES = {
    ("Action", "Type"): {
        "authenticate-oidc": "logging users in with OIDC (authenticate-oidc)",
        "authenticate-cognito": "logging users in with Cognito (authenticate-cognito)",
        "jwt-validation": "checking tokens (jwt-validation)",
    },
}


def error(path: str, value: Any, feature: str) -> ConfigError:
    """The refusal, in one form of words for everything."""
    sentence = f"{feature} is not supported yet"
    return ConfigError(path, value, sentence[0].upper() + sentence[1:], code=CODE)


def target_group_problems(group: TargetGroup) -> Iterator[ConfigError]:
    """Kinds of target groups that are not built."""
    if group.target_type == "lambda":
        yield error("TargetType", group.target_type, "target type 'lambda'")
