from __future__ import annotations

import re

from edgeproxy.control.doctor import facts

PAGE = re.compile(
    r"https://docs\.aws\.amazon\.com/elasticloadbalancing/latest/(application|userguide)/[a-z-]+\.html(#[a-z0-9-]+)?"
)


def test_every_fact_is_a_sentence_with_a_page_of_aws() -> None:
    known = {name: value for name, value in vars(facts).items() if isinstance(value, facts.Fact)}

    assert len(known) > 10
    for name, fact in known.items():
        assert (name, True) == (name, PAGE.fullmatch(fact.page) is not None)
        assert (name, ".") == (name, fact.text[-1])
