"""The text of an HTML page as `matches` has it, by the standard library only. Copy this file to use it.

    text = page_text(page)                     # bytes to bytes; the page in UTF-8, its codings undone
    text = page_text(xhtml_as_html(page))      # of a page whose media type ends in "xml"

docs/explanation/page-text.md explains the rules.
"""

import re
from html.entities import html5

CONTEXT_WORDS, CONTEXT_BYTES, DEEPEST, MOST_RULES = 16, 1024, 256, 256
MOST_DORMANT, MOST_REVIVED = 16, 256


def _names(text):
    return frozenset(text.encode().split())


HEADINGS = _names("h1 h2 h3 h4 h5 h6")
FORMATTING = _names("a b big code em font i nobr s small strike strong tt u")
VOID = _names(
    "area base basefont bgsound br col embed frame hr image img input keygen link meta param source track wbr"
)
CLOSES_P = HEADINGS | _names(
    """address article aside blockquote center dd details dialog dir div dl dt fieldset figcaption figure
    footer form header hgroup hr li listing main menu nav ol p plaintext pre search section summary table ul
    xmp"""
)
CELLS, SECTIONS = _names("td th"), _names("caption col colgroup tbody tfoot thead")
IN_SVG, IN_MATH = _names("desc foreignobject title"), _names("mi mn mo ms mtext")
BLOCK = CLOSES_P | CELLS | SECTIONS | IN_MATH | _names("br legend math optgroup option select text tr")
SOFT = _names(
    """annotation annotation-xml audio body button canvas datalist defs desc embed frame frameset head html
    iframe image img input keygen label marquee metadata meter noembed noframes noscript object progress svg
    symbol template textarea title video"""
)
RAW, DROPPED, WITH_REFERENCES = (
    _names(each) for each in ("noembed noframes xmp", "iframe script style", "textarea title")
)
HIDES = _names("audio canvas datalist meter noscript object progress template video")
HIDES_RAW = _names("noembed noframes textarea title")
HIDES_IN_FOREIGN = _names("annotation annotation-xml defs desc metadata symbol title")
BREAKS_OUT = HEADINGS | _names(
    """b big blockquote body br center code dd div dl dt em embed head hr i img li listing menu meta nobr ol p
    pre ruby s small span strong strike sub table tt u ul var"""
)
SCOPE = CELLS | IN_SVG | IN_MATH | _names("caption marquee object table template")
SPECIAL = BLOCK - _names("dialog math optgroup option text") | SCOPE
SPECIAL |= _names("body button frameset head html noscript")
UNPUSHED = VOID | RAW | DROPPED | WITH_REFERENCES | _names("body head html plaintext")
TABLE_PARTS = CELLS | SECTIONS | _names("tr")
ENDS_WITHOUT_TAG = _names("dd dt li optgroup option p")

_S = rb"[\t\n\f\r ]"
_NAME = re.compile(rb"[A-Za-z][^\t\n\f\r />]*+")
_ATTRIBUTE = re.compile(
    rb"""[\t\n\f\r /]*+([^\t\n\f\r />][^\0- /=>]*+)"""
    rb"""(?:%b*+=%b*+(?:"([^"]*+)(?:"|\Z)|'([^']*+)(?:'|\Z)"""
    rb"""|([^\t\n\f\r >"'][^\t\n\f\r >]*+)?+))?+""" % (_S, _S)
)
_END_OF_TAG = re.compile(rb"[\t\n\f\r /]*+>")
_DECLARATION = re.compile(rb"(?:^|;)%b*+([a-z-]++)%b*+:%b*+([a-z-]++)" % (_S, _S, _S))
_COMMENT_IN_STYLE = re.compile(rb"/\*.*?(?:\*/|\Z)", re.DOTALL)
_PRINT = re.compile(rb"%b*+@media%b++print[^,]*\Z" % (_S, _S), re.DOTALL | re.IGNORECASE)
_SELECTOR = re.compile(rb"%b*+(?:[\w-]*+([.#][\w-]++)|([\w-]++))%b*+" % (_S, _S))
_COMMENT = re.compile(rb"<!--(?:-?>|.*?(?:--!?>|\Z))", re.DOTALL)
_COUNTED = re.compile(rb"[0-9A-Za-z\xc3-\xe1\xe3-\xed]")
_BLOCK_DISPLAYS = _names("block flex flow-root grid list-item table -webkit-box -webkit-flex")
_INLINE_DISPLAYS = _names("inline contents inline-block inline-flex inline-grid inline-table table-cell")

_FLEX_DISPLAYS = _names("flex grid inline-flex inline-grid -webkit-flex")
_UNHIDDEN_DISPLAYS = _names("contents inline-table table")
_ALWAYS_BLOCKS, _BOXES_IN_FLEX = _names("dialog legend option p"), _names("image img input")

NOTHING, SOFTLY, HARD = range(3)  # how a tag separates the words around it
SEEN, INVISIBLE, ABSENT, NO_TEXT = range(4)  # what becomes of text


def page_text(page):
    """Return the text of a page: what can be seen, then hidden words between the words around them."""
    rules = dict.fromkeys((b".sr-only", b".visually-hidden", b".screen-reader-text"), 1)
    text, late = _Page(page, rules).read()
    return _Page(page, rules).read()[0] if late else text


def xhtml_as_html(page):
    """Return a page of XHTML so that it reads as HTML: entities replaced, no CDATA, no empty elements."""

    if subset := re.search(rb"<!DOCTYPE[^<>\[]*\[((?:[^\]<]|<(?!!DOCTYPE))*)\]\s*>", page):
        declared = re.findall(rb"<!ENTITY\s+([^\s%\"'<>&;]+)\s+(?:\"([^\"]*)\"|'([^']*)')\s*>", subset[1])
        entities = {name: double or single for name, double, single in reversed(declared)}
        left = [4 * len(page)]

        def replaced(found):
            value = entities.get(found[1])
            if value is None or len(value) > left[0]:
                return found[0]
            left[0] -= len(value)
            return value

        references = re.compile(rb"&([^\s#&;<>]+);")
        for _ in range(4):
            entities = {name: references.sub(replaced, value) for name, value in entities.items()}
        page = references.sub(replaced, page[subset.end() :])
    for section in re.findall(rb"<!\[CDATA\[.*?\]\]>", page, re.DOTALL):
        page = page.replace(section, section[9:-3].replace(b"&", b"&amp;").replace(b"<", b"&lt;"), 1)
    empty = re.compile(rb"<([A-Za-z][^\s<>/]*)([^<>]*)/>")
    return empty.sub(
        lambda tag: tag[0] if tag[1] in VOID else b"<%b%b></%b>" % (tag[1], tag[2], tag[1]), page
    )


class _Page:
    def __init__(self, page, rules):
        self.page, self.rules, self.late = page, rules, False
        self.out, self.cuts, self.edge = bytearray(), [], -1
        self.state, self.start = SEEN, 0
        self.in_form, self.revived, self.text_at, self.page_at = False, 0, 0, 0
        # Elements, from the first that hides: [name, separation, state around, own state, is it flex,
        # separation and state that its attributes ask for, is it dormant].
        self.stack = []
        self.depth = 0  # of the roots in which that first one is
        self.roots = []  # open svg and math: [is math, elements in it that hold HTML again]

    def read(self):
        page, i = self.page, 0
        while i < len(page):
            if page[i] == ord("<"):
                i = self._markup(i)
            elif page[i] == ord("&"):
                i = self._reference(i, len(page))
            elif page[i] == 0:
                if self.roots and not self.roots[-1][1]:
                    self._separate(HARD)
                i += 1
            else:
                stop = re.compile(rb"[^<&\0]*").match(page, i).end()
                text, i = page[i:stop], stop
                if max(text) > 32:
                    self.out += text
                else:
                    self._separate(HARD)
        return self._finished(), self.late

    def _markup(self, i):
        page = self.page
        foreign = self.roots and not self.roots[-1][1]
        closes = page.startswith(b"</", i)
        if closes and i + 2 < len(page) and not page[i + 2 : i + 3].isalpha():
            return _after(page, b">", i + 2)
        if page.startswith(b"<!", i):
            if foreign and page.startswith(b"<![CDATA[", i):
                end = page.find(b"]]>", i + 9)
                self._copy(i + 9, len(page) if end < 0 else end, False)
                return len(page) if end < 0 else end + 3
            if page.startswith(b"<!--", i):
                return _COMMENT.match(page, i).end()
            return _after(page, b">", i + 1)
        if page.startswith(b"<?", i):
            return _after(page, b">", i + 1)
        if not (named := _NAME.match(page, i + 1 + closes)):
            self.out += b"<" if not closes else b""
            return i + 1 if not closes else len(page)
        at, attributes = named.end(), []
        while not (end := _END_OF_TAG.match(page, at)):
            if not (each := _ATTRIBUTE.match(page, at)):
                return len(page)
            attributes.append((each[1].lower(), next((value for value in each.groups()[1:] if value), b"")))
            at = each.end()
        i, rest = end.end(), page[named.end() : end.end()]
        empty = rest.endswith(b"/>") and not re.search(rb"=[^\t\n\f\r \"'=]*/>\Z", rest)
        between = page[self.page_at : named.start() - 1 - closes]
        text = not between.startswith(b"<") or not between.endswith(b">") if between else False
        self.page_at = self._tag(_lower(named[0]), closes, attributes, rest, empty, i, text)
        return self.page_at

    def _tag(self, name, closes, attributes, rest, empty, i, text):
        html = not self.roots or self.roots[-1][1] > 0
        if self.roots:
            root = self.roots[-1]
            if name in (IN_MATH if root[0] else IN_SVG):
                root[1] = max(0, root[1] - 1) if closes else root[1] + (not empty)
            elif not root[1] and (
                name in (b"p", b"br") if closes else name in BREAKS_OUT or (name == b"font" and len(rest) > 2)
            ):
                while self.roots and not self.roots[-1][1]:
                    self.roots.pop()
                html = True
        depth = len(self.roots)
        if name in (b"svg", b"math"):
            if closes and self.roots and self.roots[-1][0] == (name == b"math"):
                self.roots.pop()
                depth -= 1
            elif not closes and not empty and depth < DEEPEST:
                self.roots.append([name == b"math", 0])
        if self.stack and depth < self.depth:
            self._pop_to(0)
        raw = DROPPED | RAW | WITH_REFERENCES
        begins_nothing = closes or name in (CLOSES_P | TABLE_PARTS) - RAW or name in (b"script", b"style")
        if text or len(self.out) != self.text_at or not begins_nothing:
            self._revive(name)
        if closes:
            self._end(name)
        elif html and name in raw:
            i = self._raw(name, i)
        elif html and name == b"plaintext":
            self._imply_ends(name)
            self._separate(HARD)
            self.text_at = len(self.out)
            self._copy(i, len(self.page), False)
            return len(self.page)
        else:
            self._begin(name, attributes, html, empty and (not html or name in (b"svg", b"math")), depth)
        self.text_at = len(self.out)
        return i

    def _raw(self, name, i):
        if name != b"script":
            ends = re.compile(rb"</%b(?=[\t\n\f\r />])" % name, re.IGNORECASE).search(self.page, i)
            stop = ends.start() if ends else len(self.page)
        else:
            stop = _end_of_script(self.page, i)
        if name == b"style":
            known = len(self.rules)
            _add_rules(self.rules, self.page[i:stop])
            self.late = self.late or (len(self.out) > 0 and len(self.rules) > known)
        if self.stack and name == b"xmp":
            self._imply_ends(name)
        in_flex = self.stack and self.stack[-1][4] and self.state == SEEN
        self._separate(HARD if in_flex and name in (b"iframe", b"textarea") else _separation(name))
        if name in DROPPED or (name == b"title" and not self.out):
            return stop
        around = self.state
        if name in HIDES_RAW and around == SEEN:
            self._set(ABSENT)
        self._copy(i, stop, name in WITH_REFERENCES)
        self._set(around)
        return stop

    def _begin(self, name, attributes, html, empty, depth):
        if name == b"form" and html:
            if self.in_form:
                self._separate(SOFTLY)  # HTML ignores a form in a form
                return
            self.in_form = True
        self._imply_ends(name)
        usual = separation = _separation(name)
        values, bits = dict(reversed(attributes)), self.rules.get(name, 0)
        styles = _styles(values.get(b"style", b"").lower())
        for token in re.findall(rb"[^\0-\x20]+", values.get(b"class", b"")):
            bits |= self.rules.get(b"." + token, 0)
        bits |= self.rules.get(b"#" + values.get(b"id", b""), 0)
        display, visibility = styles.get(b"display"), styles.get(b"visibility")
        if name not in VOID:
            if display in _INLINE_DISPLAYS and name not in _ALWAYS_BLOCKS:
                separation = SOFTLY if usual or display not in (b"inline", b"contents") else NOTHING
            placed = styles.get(b"position") in (b"absolute", b"fixed")
            if display in _BLOCK_DISPLAYS or placed or styles.get(b"float") in (b"left", b"right"):
                separation = HARD
        until_found = values.get(b"hidden", b"").lower() == b"until-found"
        unrendered = until_found or styles.get(b"content-visibility") == b"hidden"
        absent = b"hidden" in values and not until_found
        absent = bits & 1 or absent or (name == b"dialog" and b"open" not in values)
        absent = display == b"none" if display else absent
        around = own = self.state
        if name == b"summary" and self.stack and self.stack[-1][0] == b"details" and around == ABSENT:
            own = self.stack[-1][3]
        in_flex = bool(self.stack) and self.stack[-1][4]
        contents = display == b"contents" or (name == b"slot" and not display)
        is_flex = display in _FLEX_DISPLAYS or (contents and in_flex)
        is_item = in_flex and not contents and (name not in VOID or name in _BOXES_IN_FLEX)
        asked = None
        if name not in (b"option", b"optgroup"):
            # Where no box is, and in tables, content is not left out.
            in_table = display in _UNHIDDEN_DISPLAYS or name in TABLE_PARTS - CELLS | {b"table", b"template"}
            if absent or (unrendered and (separation or is_item) and not in_table):
                asked = ABSENT
            elif visibility in (b"hidden", b"collapse") or (bits & 2 and visibility != b"visible"):
                asked = INVISIBLE
            elif visibility == b"visible":
                asked = SEEN
        own = asked if own < ABSENT and asked is not None else own
        inner = own
        if not html and name in (b"script", b"style"):
            inner = NO_TEXT
        elif name in (HIDES if html else HIDES_IN_FOREIGN) or (name == b"details" and b"open" not in values):
            inner = max(own, ABSENT)
        styled = separation
        if is_item and (own == SEEN or (own == ABSENT and not absent)):
            separation = HARD
        if empty:
            self._separate(separation)
            return
        if not self.stack:
            self.depth = depth
        self._push([name, separation, around, own, is_flex, styled, asked, False], inner)

    def _push(self, element, inner):
        name, separation, around, _, is_flex, *_ = element
        special = inner != around or separation != _separation(name) or is_flex
        pushed = (self.stack and name not in UNPUSHED) or (special and name not in VOID)
        if pushed and len(self.stack) < DEEPEST:
            self.stack.append(element)
            self._pass_border(inner, separation)
        else:
            self._separate(separation)

    def _end_from(self, size):
        """End an open element and those in it, of which formatting ones become dormant."""
        element, *inner = self.stack[size:]
        self._pop_to(size)
        self._keep_formatting([] if element[0] in SCOPE else inner)

    def _keep_formatting(self, ended):
        """Keep formatting elements, up to a scope: text begins them again (13.2.4.3)."""
        for name, _, _, _, is_flex, styled, asked, _ in ended:
            if name in SCOPE or sum(element[-1] for element in self.stack) == MOST_DORMANT:
                return
            if name in FORMATTING and (self.stack or is_flex or styled or asked is not None):
                self.stack.append([name, NOTHING, self.state, self.state, is_flex, styled, asked, True])

    def _revive(self, start_tag=None):
        """Begin dormant elements again, before the text since the last tag and a start tag."""
        scopes = [j for j, element in enumerate(self.stack) if element[0] in SCOPE]
        dormant = [element for element in self.stack[max(scopes, default=-1) + 1 :] if element[-1]]
        text = self.out[self.text_at :]
        for element in dormant:
            self.stack = [other for other in self.stack if other is not element]
            name, _, _, _, is_flex, styled, asked, _ = element
            if self.revived == MOST_REVIVED or (name == start_tag and name in (b"a", b"nobr") and not text):
                continue
            self.revived += 1
            del self.out[self.text_at :]
            own = asked if self.state < ABSENT and asked is not None else self.state
            separation = HARD if self.stack and self.stack[-1][4] and own == SEEN else styled
            self._push([name, separation, self.state, own, is_flex, styled, asked, False], own)
            self.text_at = len(self.out)
            self.out += text

    def _imply_ends(self, name):
        """End the elements that a start tag ends."""
        rules = [({b"p"}, SCOPE | {b"button"}, False)] if name in CLOSES_P else []
        parts = _names("table template")
        if name in (b"li", b"dd", b"dt"):
            rules.append(
                (
                    {b"li"} if name == b"li" else {b"dd", b"dt"},
                    SPECIAL - _names("address div p li dd dt"),
                    False,
                )
            )
        elif name in CELLS:
            rules.append((CELLS, parts | SECTIONS | {b"tr"}, True))
        elif name == b"tr":
            rules.append((CELLS | {b"tr"}, parts | SECTIONS, True))
        elif name in SECTIONS:
            rules.append((TABLE_PARTS, parts, True))
        elif name in (b"a", b"nobr", b"button"):
            rules.append(({name}, SCOPE, False))
        for ended, barrier, all_ends in rules:
            last = None
            for j in range(len(self.stack) - 1, -1, -1):
                if self.stack[j][0] in ended:
                    last = j
                elif self.stack[j][0] in barrier:
                    break
            else:
                if all_ends:
                    self._pop_to(0)
                    continue
            if last is not None:
                self._end_from(last)
        for group in (HEADINGS, {b"option"}, {b"optgroup"}):
            starts = name in group or (b"option" in group and name == b"optgroup")
            if starts and self.stack and self.stack[-1][0] in group:
                self._pop_to(len(self.stack) - 1)

    def _end(self, name):
        """End the element that an end tag names, and all in it; what hides ends with what is around it."""
        same = HEADINGS if name in HEADINGS else {name}
        if name in TABLE_PARTS | {b"table"}:
            barrier = _names("table template")
        elif name in SPECIAL | FORMATTING | CLOSES_P:
            barrier = SCOPE | {b"li": _names("ol ul"), b"p": {b"button"}}.get(name, frozenset())
        else:
            barrier = SPECIAL
        if name == b"form":
            self.in_form = False
        special, implied = False, True
        for j in range(len(self.stack) - 1, -1, -1):
            if self.stack[j][0] in same:
                if self.stack[j][-1]:
                    del self.stack[j]
                elif name == b"form" and not implied:
                    self.stack[j + 1][1:3] = HARD, self.stack[j][2]
                    del self.stack[j]
                elif name not in FORMATTING or not special or j == 0:
                    self._end_from(j)
                    if name in FORMATTING and special:
                        self._separate(HARD)  # a block in a formatting element goes on behind it
                    return
                break
            if self.stack[j][0] in barrier:
                break
            special = special or self.stack[j][0] in SPECIAL
            implied = implied and self.stack[j][0] not in SPECIAL - ENDS_WITHOUT_TAG
        else:
            if name == b"form":
                while self.stack and self.stack[-1][0] in ENDS_WITHOUT_TAG:
                    self._pop_to(len(self.stack) - 1)
            elif not (name in UNPUSHED or (special and (name in FORMATTING or name == b"p"))):
                ended = self.stack[:]
                self._pop_to(0)
                self._separate(_separation(name))
                self._keep_formatting([] if name in SCOPE | TABLE_PARTS else ended)
                return
        self._separate(_separation(name))

    def _pop_to(self, size):
        while len(self.stack) > size:
            _, separation, around, *_ = self.stack.pop()
            self._pass_border(around, separation)

    def _pass_border(self, state, separation):
        """Separate words where an element begins or ends, on the side that is more visible; set the state."""
        if before := self.state < state:
            self._separate(separation)
        self._set(state)
        if not before:
            self._separate(separation)

    def _set(self, state):
        if self.state == NO_TEXT != state:
            del self.out[self.dropped :]
        if state == NO_TEXT != self.state:
            self.dropped = len(self.out)
        if self.state == SEEN != state:
            self.start = len(self.out)
        elif self.state != SEEN == state and len(self.out) > self.start:
            if self.cuts and self.cuts[-1] == (self.start - 1, self.start) and self.out[self.start - 1] == 10:
                self.cuts.pop()
            self.edge = len(self.out)
            self.cuts.append((self.start, self.edge))
        self.state = state

    def _separate(self, how):
        out = self.out
        if how == HARD and out and (out[-1] > 32 or len(out) == self.edge):
            out += b"\n"
        elif how == SOFTLY and out and out[-1] > 32:
            out += b"\n"
            if self.state == SEEN:
                self.edge = len(out)
                self.cuts.append((self.edge - 1, self.edge))

    def _copy(self, i, stop, references):
        while i < stop:
            if self.page[i] == ord("&") and references:
                i = self._reference(i, stop)
            else:
                self.out.append(self.page[i] or ord("\n"))
                i += 1

    def _reference(self, i, stop):
        page = self.page
        if number := re.compile(rb"&#(?:[xX]([0-9A-Fa-f]+)|([0-9]+));?").match(page, i, stop):
            code = int(number[1], 16) if number[1] else int(number[2])
            if 0x80 <= code < 0xA0:
                code = ord(bytes([code]).decode("cp1252", "ignore") or chr(code))
            elif code == 0 or code > 0x10FFFF or 0xD800 <= code < 0xE000:
                code = 0xFFFD
            self.out += chr(code).encode()
            return number.end()
        name = re.compile(rb"[0-9A-Za-z]{0,40};?").match(page, i + 1, stop)[0].decode()
        known = next((name[:n] for n in range(len(name), 0, -1) if name[:n] in html5), "")
        self.out += html5[known].encode() if known else b"&"
        return i + 1 + len(known)

    def _finished(self):
        self._revive()
        self._set(SEEN)
        text, passages, seen, at = bytes(self.out), [], bytearray(), 0
        for start, end in self.cuts:
            seen += text[at:start]
            at = end
            glued = start > 0 and end < len(text) and text[start - 1] > 32 and text[end] > 32
            if not (glued or max(text[start:end]) > 32):
                continue
            begin, stop = _before(text, start), _behind(text, end)
            if passages and begin <= passages[-1][1]:
                passages[-1][1] = stop
            else:
                passages.append([begin, stop])
        seen += text[at:]
        for begin, stop in passages:
            seen += (b"\n" if seen and seen[-1] > 32 else b"") + text[begin:stop]
        return bytes(seen)


def _lower(name):
    name = bytes(byte | 32 for byte in name)
    return name if len(name) <= 16 else name[:8] + b"\xff"


def _separation(name):
    return HARD if name in BLOCK else SOFTLY if name in SOFT else NOTHING


def _after(page, sign, i):
    return page.find(sign, i) + 1 or len(page)


def _before(text, at):
    limit, i, words = max(0, at - CONTEXT_BYTES), at, 0
    while i > limit and words < CONTEXT_WORDS:
        while i > limit and text[i - 1] <= 32:
            i -= 1
        end = i
        while i > limit and text[i - 1] > 32:
            i -= 1
        words += bool(_COUNTED.search(text, i, end))
    while i < at and text[i] & 0xC0 == 0x80:
        i += 1
    return i


def _behind(text, at):
    limit, i, words = min(len(text), at + CONTEXT_BYTES), at, 0
    while i < limit and words < CONTEXT_WORDS:
        while i < limit and text[i] <= 32:
            i += 1
        begin = i
        while i < limit and text[i] > 32:
            i += 1
        words += bool(_COUNTED.search(text, begin, i))
    while at < i < len(text) and text[i] & 0xC0 == 0x80:
        i -= 1
    return i


def _end_of_script(page, i):
    """Return where the end tag of a script begins; between `<!--` and `-->` it may hold another script."""
    escaped = nested = False
    for sign in re.compile(rb"<!(?=--)|<(/?)script(?=[\t\n\f\r />])|-->", re.IGNORECASE).finditer(page, i):
        if sign[1] is None:
            escaped, nested = (
                sign[0] == b"<!" or (escaped and sign[0] != b"-->"),
                nested and sign[0] != b"-->",
            )
        elif sign[1] and not nested:
            return sign.start()
        else:
            nested = escaped and not sign[1]
    return len(page)


def _styles(text):
    known = _BLOCK_DISPLAYS | _INLINE_DISPLAYS | {b"none"}
    found = _DECLARATION.findall(text)
    return {key: value for key, value in found if key != b"display" or value in known}


def _add_rules(rules, sheet):
    """Add what a style sheet hides: 1 for `display: none`, 2 for `visibility: hidden`."""
    prelude, body, depth, printed = b"", [], 0, 0
    for part, sign in re.findall(rb"([^{};]*)([{};])", _COMMENT_IN_STYLE.sub(b";", sheet)):
        if sign == b"{":
            prelude, body, depth = part, [], depth + 1
            printed = printed or (depth if _PRINT.match(part) else 0)
            continue
        body.append(part)
        if sign == b"}":
            styles = _styles(b";".join(body).lower())
            hides = (styles.get(b"display") == b"none") | 2 * (
                styles.get(b"visibility") in (b"hidden", b"collapse")
            )
            for each in prelude.split(b",") if hides and not printed else ():
                found = _SELECTOR.fullmatch(each)
                key = found and (found[1] or found[2].lower())
                if key and (key in rules or len(rules) < MOST_RULES):
                    rules[key] = rules.get(key, 0) | hides
            printed = 0 if depth <= printed else printed
            prelude, depth = b"", max(0, depth - 1)
