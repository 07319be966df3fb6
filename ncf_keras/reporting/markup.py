"""Elements of HTML and SVG from text and other elements; whatever is text is escaped, in every place."""

from xml.etree.ElementTree import Element, SubElement, tostring

from ncf_keras.base.terminal import escaped, shortened

# Joiners: without them letters of Persian and parts of an emoji fall apart.
JOINERS = "\u200c\u200d"
LONGEST_TEXT = 300


def element(tag: str, *children: "Element | str", **attributes: object) -> Element:
    """Return an element with these children in their order.

    Args:
        tag: its name.
        children: elements, and texts, of which control characters, changes of direction and the like become
            escapes such as `\\u202e`.
        attributes: `class_` is `class`, and other underscores are hyphens; None is no attribute.
    """
    names = {name: name.rstrip("_").replace("_", "-") for name in attributes}
    given = {names[name]: safe_text(str(value)) for name, value in attributes.items() if value is not None}
    made = Element(tag, given)
    for child in children:
        if isinstance(child, Element):
            made.append(child)
        elif len(made):
            made[-1].tail = (made[-1].tail or "") + safe_text(child)
        else:
            made.text = (made.text or "") + safe_text(child)
    return made


def foreign(text: str) -> Element:
    """Return a text from outside, such as a title: of any length and, by `bdi`, of any direction."""
    return element("bdi", shortened(text, LONGEST_TEXT))


def safe_text(text: str) -> str:
    """Return text without characters that are not printable; escapes stand for them."""
    return escaped(text, keep=JOINERS)


def html_document(title: str, style: str, *body: Element) -> str:
    """Return a whole page.

    Args:
        title: of the page.
        style: a style sheet of ours, which is not escaped.
        body: what it shows.
    """
    head = element("head", element("meta", charset="utf-8"))
    # Nothing may be loaded or run, should a text get out of its place after all.
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    head.append(Element("meta", {"http-equiv": "Content-Security-Policy", "content": policy}))
    head.append(element("meta", name="viewport", content="width=device-width, initial-scale=1"))
    head.append(element("meta", name="color-scheme", content="light dark"))
    head.append(element("title", title))
    SubElement(head, "style").text = style
    page = element("html", head, element("body", *body), lang="en")
    return "<!DOCTYPE html>\n" + tostring(page, encoding="unicode", method="html") + "\n"
