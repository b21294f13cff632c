from __future__ import annotations

from tests.docs.pages import ROOT, Step, fences_in, pages, steps

PAGE = """# A page

```yaml title="one.yaml"
A: 1
```

<!-- not run: it installs -->
```console
$ pip install .
```

    ```console
    $ indented, so it is shown as it is
    ```
"""


def test_fences_have_language_title_place_and_the_reason_above_them() -> None:
    one, two = fences_in(PAGE, "docs/page.md")

    assert ("yaml", "one.yaml", "A: 1\n", "") == (one.language, one.title, one.text, one.why_not_run)
    assert ("console", "", "it installs") == (two.language, two.title, two.why_not_run)
    assert "docs/page.md:4" == one.place


def test_a_console_is_commands_and_what_they_print() -> None:
    text = "$ one\nprinted\n\nmore\n\n$ two \\\n    three\n$ four\n"

    assert [
        Step("one", ("printed", "", "more")),
        Step("two \\\n    three", ()),
        Step("four", ()),
    ] == steps(text)


def test_the_pages_are_readme_documentation_and_examples() -> None:
    names = {page.relative_to(ROOT).as_posix() for page in pages()}

    assert {"README.md", "docs/getting-started.md", "examples/first-steps/README.md"} <= names
