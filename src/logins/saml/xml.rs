//! Reading untrusted XML: markup that SAML doesn't need is refused before the parser runs. Signatures are verified in
//! [`super::signature`].

use uppsala::{Document, NodeId, Parser, XmlError};

/// The namespace of assertions.
pub(super) const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
/// The namespace of protocol messages.
pub(super) const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
/// The namespace of metadata.
pub(super) const METADATA: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
/// The namespace of XML signatures.
pub(super) const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";

/// The deepest nesting of elements.
const DEEPEST: u32 = 32;

/// The number of elements that a document may have.
const MOST_ELEMENTS: usize = 1_500;

/// The number of attributes that a document may have, with its declarations of namespaces.
const MOST_ATTRIBUTES: usize = 3_000;

/// The number of references to characters that a document may have.
const MOST_REFERENCES: usize = 10_000;

/// The number of attributes that an element may have, with its declarations of namespaces.
const MOST_OF_ELEMENT: usize = 64;

/// The number of declarations of namespaces that may be in scope at an element.
const MOST_NAMESPACES: usize = 64;

/// The bytes of the declarations in scope, summed over all elements. Canonicalisation searches, and may repeat, each
/// declaration at each element below it.
const MOST_IN_SCOPE: usize = 512 * 1024;

/// Whether a document may have comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comments {
    /// Comments are read over, as in metadata, which people write by hand.
    Allowed,
    /// Comments are refused, as in signed documents, because readers disagree on text that a comment divides.
    Refused,
}

/// Why a string isn't XML that is accepted here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XmlReadError {
    /// The document has a document type declaration, an entity, a CDATA section or a refused comment.
    #[error("it has a document type, an entity, a CDATA section or a comment")]
    Markup,
    /// The document has a processing instruction.
    #[error("it has a processing instruction")]
    Instruction,
    /// The document declares another version than 1.0 or another encoding than UTF-8.
    #[error("it isn't XML 1.0 in UTF-8")]
    Encoding,
    /// The document isn't well formed, at a line and column if they are known. The parser's own text isn't kept, because
    /// it repeats the document.
    #[error("it isn't well formed{}", position(*.0))]
    Malformed(Option<(usize, usize)>),
    /// The document has too many elements, attributes or references.
    #[error(
        "it has more than {MOST_ELEMENTS} elements, {MOST_ATTRIBUTES} attributes or {MOST_REFERENCES} references"
    )]
    TooLarge,
    /// An element has too many attributes.
    #[error("an element has more than {MOST_OF_ELEMENT} attributes")]
    TooManyAttributes,
    /// Too many namespaces are declared at an element and around it, or many for too many elements.
    #[error("too many namespaces are declared for its elements")]
    TooManyNamespaces,
}

/// Parses `text`. The caller has bounded its length.
pub(super) fn read(text: &str, comments: Comments) -> Result<Document<'_>, XmlReadError> {
    read_behind(text, "", comments)
}

/// Parses `text`, which was found in the document `before`: the elements, attributes and declarations of both count for
/// the bounds.
pub(super) fn read_behind<'t>(
    text: &'t str,
    before: &str,
    comments: Comments,
) -> Result<Document<'t>, XmlReadError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !text.chars().all(is_xml_char) {
        return Err(XmlReadError::Malformed(None));
    }
    // In XML, `<` only begins markup, so these bytes can be searched before parsing.
    let body = match text.strip_prefix("<?xml") {
        Some(rest) if rest.starts_with([' ', '\t', '\r', '\n']) => {
            rest.split_once("?>").ok_or(XmlReadError::Instruction)?.1
        }
        _ => text,
    };
    if body.contains("<?") {
        return Err(XmlReadError::Instruction);
    }
    let mut declarations = body.match_indices("<!").map(|(at, _)| &body[at..]);
    let is_comment = |markup: &str| comments == Comments::Allowed && markup.starts_with("<!--");
    if !declarations.all(is_comment) {
        return Err(XmlReadError::Markup);
    }
    let count = |letter: u8| body.bytes().filter(|byte| *byte == letter).count();
    if count(b'<') > 2 * MOST_ELEMENTS || count(b'&') > MOST_REFERENCES {
        return Err(XmlReadError::TooLarge);
    }
    let mut totals = Totals::default();
    totals.add(before)?;
    totals.add(body)?;
    let parser = Parser::new()
        .with_forbid_dtd(true)
        .with_forbid_entities(true)
        .with_max_entity_expansion(0)
        .with_max_depth(DEEPEST);
    let document = parser
        .parse(text)
        .map_err(|error| XmlReadError::Malformed(position_of(&error)))?;
    let other_than = |is: Option<&str>, wanted: &str| {
        is.is_some_and(|is: &str| !is.eq_ignore_ascii_case(wanted))
    };
    if let Some(declaration) = &document.xml_declaration
        && (other_than(Some(&declaration.version), "1.0")
            || other_than(declaration.encoding.as_deref(), "utf-8"))
    {
        return Err(XmlReadError::Encoding);
    }
    Ok(document)
}

/// What the bounds of documents count.
#[derive(Default)]
struct Totals {
    elements: usize,
    attributes: usize,
    /// The bytes of the declarations in scope.
    in_scope: usize,
}

impl Totals {
    /// Counts elements, attributes and declarations in one pass, before the parser searches them once for each. Malformed
    /// text may pass: the parser refuses it.
    fn add(&mut self, body: &str) -> Result<(), XmlReadError> {
        let mut open: Vec<Declarations> = Vec::new();
        let mut in_scope = Declarations::default();
        let mut rest = body;
        while let Some((_, markup)) = rest.split_once('<') {
            if let Some(comment) = markup.strip_prefix("!--") {
                rest = comment.split_once("-->").map_or("", |(_, behind)| behind);
                continue;
            }
            rest = markup;
            if markup.starts_with('/') {
                // The declarations around the element.
                in_scope = open.pop().unwrap_or_default();
                continue;
            }
            let tag = StartTag::read(markup);
            let own = Declarations {
                count: in_scope.count + tag.declarations.count,
                bytes: in_scope.bytes + tag.declarations.bytes,
            };
            self.elements += 1;
            self.attributes += tag.attributes;
            self.in_scope += own.bytes;
            if tag.attributes > MOST_OF_ELEMENT {
                return Err(XmlReadError::TooManyAttributes);
            }
            if self.elements > MOST_ELEMENTS || self.attributes > MOST_ATTRIBUTES {
                return Err(XmlReadError::TooLarge);
            }
            if own.count > MOST_NAMESPACES || self.in_scope > MOST_IN_SCOPE {
                return Err(XmlReadError::TooManyNamespaces);
            }
            if !tag.is_empty {
                open.push(std::mem::replace(&mut in_scope, own));
            }
            rest = &markup[tag.length..];
        }
        Ok(())
    }
}

/// Declarations of namespaces.
#[derive(Debug, Default, Clone, Copy)]
struct Declarations {
    count: usize,
    /// The bytes of their names and values.
    bytes: usize,
}

/// The start tag of an element.
#[derive(Debug, Default)]
struct StartTag {
    /// The bytes before its `>`.
    length: usize,
    /// The quoted values.
    attributes: usize,
    /// The attributes with a name that begins with `xmlns`.
    declarations: Declarations,
    /// Whether the element ends here.
    is_empty: bool,
}

impl StartTag {
    /// Reads the tag at the begin of `markup`, behind its `<`.
    fn read(markup: &str) -> Self {
        let mut tag = Self::default();
        let mut quote = None;
        let is_end = |letter: char| letter.is_ascii_whitespace() || "/>".contains(letter);
        let mut name = markup.find(is_end).unwrap_or_default();
        let mut declares = false;
        let end = markup.bytes().enumerate().find(|(at, letter)| {
            match (quote, letter) {
                (Some(open), _) if open == *letter => {
                    quote = None;
                    if declares {
                        tag.declarations.count += 1;
                        tag.declarations.bytes += at - name;
                    }
                    name = at + 1;
                }
                (Some(_), _) => {}
                (None, b'"' | b'\'') => {
                    quote = Some(*letter);
                    tag.attributes += 1;
                    let name = markup.get(name..*at).unwrap_or_default();
                    declares = name.trim_start().starts_with("xmlns");
                }
                (None, _) => return *letter == b'>' || *letter == b'<',
            }
            false
        });
        tag.length = end.map_or(markup.len(), |(at, _)| at);
        tag.is_empty = markup[..tag.length].ends_with('/');
        tag
    }
}

/// Whether XML 1.0 allows the character. The parser doesn't check attributes before their first reference.
fn is_xml_char(letter: char) -> bool {
    match letter {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        _ => letter >= ' ',
    }
}

fn position_of(error: &XmlError) -> Option<(usize, usize)> {
    match error {
        XmlError::WellFormedness(error) => Some((error.line, error.column)),
        XmlError::Namespace(error) => Some((error.line, error.column)),
        XmlError::Parse(error) => Some((error.line, error.column)),
        XmlError::Validation(_) | XmlError::XPath(_) | XmlError::UnexpectedEof => None,
    }
}

fn position(position: Option<(usize, usize)>) -> String {
    position.map_or(String::new(), |(line, column)| {
        format!(" at line {line}, column {column}")
    })
}

/// The begin of a library's text, for the log: it may repeat untrusted text of a document.
pub(super) fn shortened(words: &str) -> String {
    words.chars().take(200).collect()
}

/// Whether `node` is an element with this name.
pub(super) fn is(document: &Document<'_>, node: NodeId, space: &str, name: &str) -> bool {
    document
        .element(node)
        .is_some_and(|element| element.name.matches(Some(space), name))
}

/// The child elements of `node`, in document order.
pub(super) fn children<'d>(
    document: &'d Document<'_>,
    node: NodeId,
) -> impl Iterator<Item = NodeId> + 'd {
    document
        .children_iter(node)
        .filter(|child| document.element(*child).is_some())
}

/// The child elements of `node` with this name, in document order.
pub(super) fn named<'d>(
    document: &'d Document<'_>,
    node: NodeId,
    space: &'d str,
    name: &'d str,
) -> impl Iterator<Item = NodeId> + 'd {
    children(document, node).filter(move |child| is(document, *child, space, name))
}

/// The attribute with this name and without a namespace.
pub(super) fn attribute<'d>(
    document: &'d Document<'_>,
    node: NodeId,
    name: &str,
) -> Option<&'d str> {
    let attributes = &document.element(node)?.attributes;
    let found = attributes
        .iter()
        .find(|attribute| attribute.name.matches(None, name));
    found.map(|attribute| &*attribute.value)
}

/// The whole text of an element, unchanged; `None` if the element has child elements.
pub(super) fn text(document: &Document<'_>, node: NodeId) -> Option<String> {
    children(document, node)
        .next()
        .is_none()
        .then(|| document.text_content_deep(node))
}

/// Every element of the document.
pub(super) fn elements<'d>(document: &'d Document<'_>) -> impl Iterator<Item = NodeId> + 'd {
    document
        .descendants(document.root())
        .into_iter()
        .filter(|node| document.element(*node).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> XmlReadError {
        read(text, Comments::Refused).unwrap_err()
    }

    #[test]
    fn plain_elements_are_read() {
        for text in [
            "<a/>",
            "\u{feff}<a/>",
            "<?xml version=\"1.0\"?><a/>",
            "<?xml version='1.0' encoding='UTF-8' standalone='no'?>\n<a b='&lt;&#33;'>&amp;x</a>\n",
        ] {
            assert!(read(text, Comments::Refused).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_saml_needs_none_of_is_refused() {
        for text in [
            "<!DOCTYPE a><a/>",
            "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
            "<a><!-- --></a>",
            "<a>x<!---->y</a>",
            "<a><![CDATA[x]]></a>",
            "<!-- --><a/>",
            "<a/><!-- -->",
        ] {
            assert_eq!(refused(text), XmlReadError::Markup, "{text}");
        }
        for text in [
            "<a><?x y?></a>",
            "<?x?><a/>",
            "<?xml version='1.0'?><?x?><a/>",
            " <?xml version='1.0'?><a/>",
        ] {
            assert_eq!(refused(text), XmlReadError::Instruction, "{text}");
        }
        for text in [
            "<?xml version='1.0' encoding='UTF-16'?><a/>",
            "<?xml version='1.0' encoding='ISO-8859-1'?><a/>",
        ] {
            assert_eq!(refused(text), XmlReadError::Encoding, "{text}");
        }
        for text in [
            "",
            " ",
            "a",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<a>&x;</a>",
            "<a b='1' b='2'/>",
            "<a b=<c/>/>",
            "<p:a/>",
            "<a p:b=''/>",
            "<a xmlns:p='u' xmlns:q='u' p:b='' q:b=''/>",
            "<a>\u{0}</a>",
            "<a>&#0;</a>",
            "<a/>x",
            "<a b='\u{0}'/>",
            // The parser itself takes these.
            "<a b='\u{0}&amp;'/>",
            "<a b='\u{1f}x&#33;'/>",
            "<a b='\u{fffe}&lt;'/>",
            "<a b='\u{ffff}&lt;'/>",
            "<a b='&#0;'/>",
            "<a b='&#x1;&amp;'/>",
            "<a b='&#xFFFF;'/>",
            "<a b='&#xD800;'/>",
        ] {
            assert!(
                matches!(refused(text), XmlReadError::Malformed(_)),
                "{text}"
            );
        }
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let deep = |levels| format!("{}{}", "<a>".repeat(levels), "</a>".repeat(levels));
        assert!(read(&deep(30), Comments::Refused).is_ok());
        assert!(matches!(refused(&deep(1_000)), XmlReadError::Malformed(_)));
        let wide = |count: usize| format!("<a>{}</a>", "<b/>".repeat(count));
        assert!(read(&wide(MOST_ELEMENTS - 1), Comments::Refused).is_ok());
        let wide = wide(MOST_ELEMENTS);
        assert_eq!(refused(&wide), XmlReadError::TooLarge);
    }

    #[test]
    fn attributes_and_namespaces_are_bounded() {
        let some = |count: usize, prefix: &str| {
            let all: Vec<String> = (0..count)
                .map(|at| format!(" {prefix}{at} = 'x=\">'"))
                .collect();
            all.concat()
        };
        let nested = |count: usize| {
            let open = format!("<a{}>", some(10, "xmlns:n"));
            format!("{}{}", open.repeat(count), "</a>".repeat(count))
        };
        let repeating = format!("<a>{}</a>", nested(2).repeat(150));
        let in_scope = |inside: usize| {
            let inside = "<b/>".repeat(inside);
            format!("<a xmlns:n='{}'>{inside}</a>", "u".repeat(1_000))
        };
        for text in [
            format!("<a{}/>", some(64, "n")),
            format!("<a{}/>", some(64, "xmlns:n")),
            format!("<a{}/>", some(64, "n"))
                .repeat(9)
                .replacen("<a", "<b><a", 1)
                + "</b>",
            nested(6),
            repeating,
            in_scope(500),
            format!("<a>{}</a>", format!("<b{}/>", some(50, "n")).repeat(59)),
            format!("<a>{}</a>", "&lt;".repeat(10_000)),
        ] {
            assert!(read(&text, Comments::Refused).is_ok(), "{text}");
        }
        for text in [
            format!("<a{}/>", some(65, "n")),
            format!(
                "<!-- <a --><a>{}</a>",
                format_args!("<b{}/>", some(65, "n"))
            ),
        ] {
            let why = read(&text, Comments::Allowed).unwrap_err();
            assert_eq!(why, XmlReadError::TooManyAttributes, "{text}");
        }
        for text in [
            format!("<a>{}</a>", format!("<b{}/>", some(50, "n")).repeat(61)),
            format!("<a>{}</a>", "&lt;".repeat(10_001)),
        ] {
            assert_eq!(refused(&text), XmlReadError::TooLarge, "{text}");
        }
        for text in [
            nested(7),
            format!("<!-- </a> --><a>{}</a>", nested(7)),
            in_scope(600),
        ] {
            let why = read(&text, Comments::Allowed).unwrap_err();
            assert_eq!(why, XmlReadError::TooManyNamespaces, "{text}");
        }
    }

    #[test]
    fn metadata_may_have_comments() {
        assert!(read("<!-- x --><a><!-- <b> --></a>", Comments::Allowed).is_ok());
        let text = "<!DOCTYPE a><a/>";
        assert_eq!(
            read(text, Comments::Allowed).unwrap_err(),
            XmlReadError::Markup
        );
    }
}
