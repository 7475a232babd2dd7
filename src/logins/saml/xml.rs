//! Reading a stranger's XML: what SAML needs none of is refused before a parser sees it. Who signed it is decided in
//! [`super::signature`].

use uppsala::{Document, NodeId, Parser, XmlError};

/// The elements of assertions.
pub(super) const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
/// The elements of protocol messages.
pub(super) const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
/// The elements of metadata.
pub(super) const METADATA: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
/// The elements of XML signatures.
pub(super) const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";

/// How deep elements may stand in one another.
const DEEPEST: u32 = 32;

/// How many elements a document may have.
const MOST_ELEMENTS: usize = 20_000;

/// Whether a document may have comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comments {
    /// As in metadata, which a person may have written.
    Allowed,
    /// As in what is signed: whoever reads around them and whoever reads up to them read different things.
    Refused,
}

/// Why a text is no XML that is read here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotXml {
    /// A document type declaration, an entity, a CDATA section or a comment where none belongs.
    #[error("it has a document type, an entity, a CDATA section or a comment")]
    Markup,
    /// A processing instruction.
    #[error("it has a processing instruction")]
    Instruction,
    /// Another version or encoding than 1.0 and UTF-8.
    #[error("it isn't XML 1.0 in UTF-8")]
    Encoding,
    /// Broken, at a line and column where those are known. The parser's own words repeat the document: nobody hears them.
    #[error("it isn't well formed{}", place(*.0))]
    Malformed(Option<(usize, usize)>),
    /// More elements than any such document has.
    #[error("it has too many elements")]
    TooLarge,
}

/// Parses `text`, whose length the caller has bounded.
pub(super) fn read(text: &str, comments: Comments) -> Result<Document<'_>, NotXml> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !text.chars().all(is_of_xml) {
        return Err(NotXml::Malformed(None));
    }
    // A `<` stands nowhere but where markup begins, so that these bytes are what they look like.
    let body = match text.strip_prefix("<?xml") {
        Some(rest) if rest.starts_with([' ', '\t', '\r', '\n']) => {
            rest.split_once("?>").ok_or(NotXml::Instruction)?.1
        }
        _ => text,
    };
    if body.contains("<?") {
        return Err(NotXml::Instruction);
    }
    let mut declarations = body.match_indices("<!").map(|(at, _)| &body[at..]);
    let is_comment = |markup: &str| comments == Comments::Allowed && markup.starts_with("<!--");
    if !declarations.all(is_comment) {
        return Err(NotXml::Markup);
    }
    if body.matches('<').count() > 2 * MOST_ELEMENTS {
        return Err(NotXml::TooLarge);
    }
    let parser = Parser::new()
        .with_forbid_dtd(true)
        .with_forbid_entities(true)
        .with_max_entity_expansion(0)
        .with_max_depth(DEEPEST);
    let document = parser
        .parse(text)
        .map_err(|error| NotXml::Malformed(place_of(&error)))?;
    let other_than = |is: Option<&str>, wanted: &str| {
        is.is_some_and(|is: &str| !is.eq_ignore_ascii_case(wanted))
    };
    if let Some(declaration) = &document.xml_declaration
        && (other_than(Some(&declaration.version), "1.0")
            || other_than(declaration.encoding.as_deref(), "utf-8"))
    {
        return Err(NotXml::Encoding);
    }
    Ok(document)
}

/// Whether XML 1.0 has the character. The parser overlooks others in attributes, before the first reference.
fn is_of_xml(letter: char) -> bool {
    match letter {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        _ => letter >= ' ',
    }
}

fn place_of(error: &XmlError) -> Option<(usize, usize)> {
    match error {
        XmlError::WellFormedness(error) => Some((error.line, error.column)),
        XmlError::Namespace(error) => Some((error.line, error.column)),
        XmlError::Parse(error) => Some((error.line, error.column)),
        XmlError::Validation(_) | XmlError::XPath(_) | XmlError::UnexpectedEof => None,
    }
}

fn place(place: Option<(usize, usize)>) -> String {
    place.map_or(String::new(), |(line, column)| {
        format!(" at line {line}, column {column}")
    })
}

/// The first words of a library, for the log: what it repeats of a document is a stranger's.
pub(super) fn shortened(words: &str) -> String {
    words.chars().take(200).collect()
}

/// Whether `node` is the element of this name.
pub(super) fn is(document: &Document<'_>, node: NodeId, space: &str, name: &str) -> bool {
    document
        .element(node)
        .is_some_and(|element| element.name.matches(Some(space), name))
}

/// The elements right below `node`, in their order.
pub(super) fn children<'d>(
    document: &'d Document<'_>,
    node: NodeId,
) -> impl Iterator<Item = NodeId> + 'd {
    document
        .children_iter(node)
        .filter(|child| document.element(*child).is_some())
}

/// The elements of this name right below `node`, in their order.
pub(super) fn named<'d>(
    document: &'d Document<'_>,
    node: NodeId,
    space: &'d str,
    name: &'d str,
) -> impl Iterator<Item = NodeId> + 'd {
    children(document, node).filter(move |child| is(document, *child, space, name))
}

/// The attribute of this name that stands in no namespace.
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

/// The whole text of an element that holds nothing but text, as it stands; `None` where it holds elements.
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

    fn refused(text: &str) -> NotXml {
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
            assert_eq!(refused(text), NotXml::Markup, "{text}");
        }
        for text in [
            "<a><?x y?></a>",
            "<?x?><a/>",
            "<?xml version='1.0'?><?x?><a/>",
            " <?xml version='1.0'?><a/>",
        ] {
            assert_eq!(refused(text), NotXml::Instruction, "{text}");
        }
        for text in [
            "<?xml version='1.0' encoding='UTF-16'?><a/>",
            "<?xml version='1.0' encoding='ISO-8859-1'?><a/>",
        ] {
            assert_eq!(refused(text), NotXml::Encoding, "{text}");
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
            assert!(matches!(refused(text), NotXml::Malformed(_)), "{text}");
        }
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let deep = |levels| format!("{}{}", "<a>".repeat(levels), "</a>".repeat(levels));
        assert!(read(&deep(30), Comments::Refused).is_ok());
        assert!(matches!(refused(&deep(10_000)), NotXml::Malformed(_)));
        let wide = format!("<a>{}</a>", "<b/>".repeat(50_000));
        assert_eq!(refused(&wide), NotXml::TooLarge);
    }

    #[test]
    fn metadata_may_have_comments() {
        assert!(read("<!-- x --><a><!-- <b> --></a>", Comments::Allowed).is_ok());
        let text = "<!DOCTYPE a><a/>";
        assert_eq!(read(text, Comments::Allowed).unwrap_err(), NotXml::Markup);
    }
}
