//! Elements of a response: a response and its decrypted assertion are in documents of their own, so an element carries its
//! document.

use uppsala::{Document, NodeId};

use super::xml::{self, ASSERTION};

/// An element, with its document.
#[derive(Clone, Copy)]
pub(super) struct XmlElement<'d> {
    pub(super) document: &'d Document<'d>,
    pub(super) node: NodeId,
}

impl<'d> XmlElement<'d> {
    /// The root element of a document.
    pub(super) fn root(document: &'d Document<'d>) -> Option<Self> {
        let node = document.document_element()?;
        Some(Self { document, node })
    }

    /// Every element of a document.
    pub(super) fn all(document: &'d Document<'d>) -> impl Iterator<Item = Self> {
        xml::elements(document).map(move |node| Self { document, node })
    }

    /// Whether the element has this name.
    pub(super) fn is(self, space: &str, name: &str) -> bool {
        xml::is(self.document, self.node, space, name)
    }

    /// The name without its namespace.
    pub(super) fn local_name(self) -> &'d str {
        let element = self.document.element(self.node);
        element.map_or("", |element| &*element.name.local_name)
    }

    /// The namespace of the name.
    pub(super) fn namespace(self) -> Option<&'d str> {
        let element = self.document.element(self.node)?;
        element.name.namespace_uri.as_deref()
    }

    /// Every element below it.
    pub(super) fn descendants(self) -> impl Iterator<Item = Self> {
        let below = self.document.descendants(self.node).into_iter();
        below
            .filter(move |node| *node != self.node && self.document.element(*node).is_some())
            .map(move |node| Self { node, ..self })
    }

    /// Whether it has an attribute with a namespace or with a name that isn't one of `names`.
    pub(super) fn has_attributes_except(self, names: &[&str]) -> bool {
        let element = self.document.element(self.node);
        let mut attributes = element
            .map_or(&[][..], |element| &element.attributes)
            .iter();
        attributes.any(|one| {
            one.name.namespace_uri.is_some()
                || !names.iter().any(|name| one.name.matches(None, name))
        })
    }

    /// The element around it.
    pub(super) fn parent(self) -> Option<Self> {
        let node = self.document.parent(self.node)?;
        Some(Self { node, ..self })
    }

    /// The child elements, in document order.
    pub(super) fn children(self) -> impl Iterator<Item = Self> + 'd {
        xml::children(self.document, self.node).map(move |node| Self { node, ..self })
    }

    /// The child elements with this name of the assertion namespace, in document order.
    pub(super) fn named(self, name: &'d str) -> impl Iterator<Item = Self> + 'd {
        self.named_in(ASSERTION, name)
    }

    /// The child elements with this name, in document order.
    pub(super) fn named_in(self, space: &'d str, name: &'d str) -> impl Iterator<Item = Self> + 'd {
        self.children().filter(move |child| child.is(space, name))
    }

    /// The attribute with this name and without a namespace.
    pub(super) fn attribute(self, name: &str) -> Option<&'d str> {
        xml::attribute(self.document, self.node, name)
    }

    /// The whole text, unchanged; `None` if the element has child elements.
    pub(super) fn text(self) -> Option<String> {
        xml::text(self.document, self.node)
    }
}

impl PartialEq for XmlElement<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.document, other.document) && self.node == other.node
    }
}
