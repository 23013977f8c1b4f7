"""What objects of all layers say of themselves: one short document each, written for terminals and notebooks.

`summary(x)` is the document. To have an object of your own shown the same way, derive it from `physeq.shown.Shown` and
register a function for it: `@summary.register(MyResult)`.
"""

from physeq.report.fragment import html_fragment, markdown_fragment, text_fragment
from physeq.shown import install
from physeq.summaries import compiled, declared, learned, solved  # noqa: F401 - they register what they know
from physeq.summaries._summary import equations as equations
from physeq.summaries._summary import summary as summary

install(
    text=lambda shown: text_fragment(summary(shown)),
    html=lambda shown: html_fragment(summary(shown)),
    markdown=lambda shown: markdown_fragment(summary(shown)),
    latex=lambda shown: equations(shown),
)
