"""Elements of MathML, built and written."""

from xml.etree.ElementTree import Element, tostring


def markup(element: Element) -> str:
    """The element as text without self-closing tags, good for HTML and for XML.

    >>> markup(element("mo", "<"))
    '<mo>&lt;</mo>'
    """
    return tostring(element, encoding="unicode", short_empty_elements=False)


def element(tag: str, content: str | None = None, *children: Element, **attributes: str) -> Element:
    """An element with text content, children and attributes.

    >>> markup(element("msub", None, element("mi", "x"), element("mn", "1")))
    '<msub><mi>x</mi><mn>1</mn></msub>'
    """
    made = Element(tag, attributes)
    made.text = content
    made.extend(children)
    return made


def row(children: list[Element]) -> Element:
    """The only child, or all of them in an `mrow`."""
    return children[0] if len(children) == 1 else element("mrow", None, *children)


def scripted(base: Element, sub: Element | None, sup: Element | None, limits: bool = False) -> Element:
    """`base` with a subscript, a superscript, both or neither; `limits` sets them below and above.

    >>> markup(scripted(element("mi", "w"), element("mi", "i"), element("mn", "2")))
    '<msubsup><mi>w</mi><mi>i</mi><mn>2</mn></msubsup>'
    """
    tag = {(True, False): "munder" if limits else "msub", (False, True): "mover" if limits else "msup"}
    tag[True, True] = "munderover" if limits else "msubsup"
    scripts = [script for script in (sub, sup) if script is not None]
    return element(tag[sub is not None, sup is not None], None, base, *scripts) if scripts else base
